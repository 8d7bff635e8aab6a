/** Of a longer argument the rest is masked unseen: no flag that tells anything is as long. */
const LOOKED_AT = 4096;

const MASK = '***';

/** Anywhere in a name. */
const SECRET_PART = new RegExp(
  [
    // Not what goes by, through or around something.
    '(?<!by|com|sur|tres)pass(?!age|enger|ive|port|thr|es$)(?:word|wd|phrase)?',
    'pwd',
    'secret',
    'token(?!i[sz])',
    'credential',
    // Not the author of something, but what authorizes.
    'auth(?!or(?!i[sz]))',
    'cookie',
    'bearer',
    'signature',
    'mnemonic',
    'conn(?:ection)?[-_.]?str(?:ing)?',
    '(?:api|access|private|account|shared)[-_.]?key',
  ].join('|'),
  'i',
);
/** As the last word of a name: `--signing-key`, `AccountKey`, `?sig=`. */
const SECRET_WORD =
  /(?:^|[-_.])(?:key|sig|sas|pw|jwt|psk|dsn|creds?|session|sid|pin|otp|salt|hmac)$|[a-z](?:Key|Sig|Sas|Pw|Jwt|Psk|Dsn|Creds?|Session|Sid|Pin|Otp|Salt|Hmac)$/;

/** Where a secret is, how long it is good for and whether it is wanted is none: `--password-file`, `--token-ttl`. */
const ABOUT_SECRET =
  /[-_.](?:file|path|dir|directory|ttl|timeout|expiry|enabled|required|length|type|port|host|ur[il])$|[a-z](?:File|Path|Dir|Ttl|Timeout|Expiry|Enabled|Required|Length|Type|Port|Host|Ur[il])$/;

/** What the issuers of tokens let them begin with, so that they are found. */
const KNOWN_TOKEN = new RegExp(
  String.raw`(?<![A-Za-z0-9])(?:` +
    [
      'gh[pousr]_',
      'github_pat_',
      'gl(?:pat|dt|rt|ptt|ft|soat|cbt|agent)-',
      'glsa_',
      'xox[abeoprs]-',
      'xapp-',
      'sk[-_]',
      'rk_',
      'whsec_',
      'AKIA',
      'ASIA',
      'AIza',
      String.raw`ya29\.`,
      'eyJ',
      'npm_',
      'pypi-',
      String.raw`hv[bs]\.`,
      'dop_v1_',
      String.raw`SG\.`,
      'hf_',
      'lin_api_',
      'dckr_pat_',
      'rubygems_',
      'sntry[su]_',
      'dapi',
      'NRAK-',
      'PMAK-',
      'GOCSPX-',
      'sq0[a-z]{3}-',
      'AGE-SECRET-KEY-',
      'shp(?:at|ca|pa|ss)_',
    ].join('|') +
    String.raw`)[A-Za-z0-9+/=_.~-]{8,}`,
  'g',
);
/** Addresses that are secret, as whoever knows one may post there. */
const SECRET_PATH =
  /((?:hooks\.slack\.com\/(?:services|workflows|triggers)|discord(?:app)?\.com\/api\/webhooks|api\.telegram\.org)\/)[^\s"']+/gi;
const PRIVATE_KEY = /-----BEGIN[^]*$/;
const SCHEME = /(\b(?:bearer|basic|digest|negotiate)\s+)\S[^]*$/i;

/** What curl and wget take as `user:password`. */
const USER_FLAG = /^(?:-u|--user|--proxy-user)$/;
const USER_PAIR = /^((?:-u|--(?:proxy-)?user=)?[^:\s]+:)[^]+$/;
/** Of user and group, as containers have them. */
const IDS = /^(?:-u|--user=)?\d+:\d+$/;
/** A password for some, and a port for others. */
const SHORT_PASSWORD_FLAG = /^-p$/;
const PORTS = /^(?:[\d.]+:)?\d{1,5}(?:-\d{1,5})?(?::\d{1,5}(?:-\d{1,5})?)?(?:\/\w+)?$/;

/**
 * Masks what looks like a secret in a command line: values of flags, variables, headers and parameters with a telling name
 * (`--token=x`, `--token x`, `-e TOKEN=x`, `--header "Authorization: Bearer x"`, `?sig=x`), user and password in URLs, and
 * what begins as tokens do. A command line is the wrong place for a secret, and still many have one there. Rather too much
 * is masked than too little.
 *
 * @internal
 */
export function maskSecrets(argv: readonly string[]): string[] {
  return argv.map((argument, index) => maskArgument(argument, argv[index - 1] ?? ''));
}

function maskArgument(argument: string, previous: string): string {
  if (argument.length > LOOKED_AT) {
    // Cut where one thing ends, as what is cut in the middle may not be told any more.
    const head = argument.slice(0, LOOKED_AT);
    const end = Math.max(...[' ', '\n', ',', ';', '&'].map((delimiter) => head.lastIndexOf(delimiter)));
    return `${maskArgument(head.slice(0, end + 1), previous).replace(/\*{3}$/, '')}${MASK}`;
  }
  if (isSecretAfter(previous, argument)) {
    return MASK;
  }
  if (USER_FLAG.test(previous) || /^(?:-u[^-\s]|--(?:proxy-)?user=)/.test(argument)) {
    return IDS.test(argument) ? argument : argument.replace(USER_PAIR, `$1${MASK}`);
  }
  const masked = maskParts(argument);
  // Not the flags of a word that some programs write with one dash.
  const [, glued] = /^-p(?!(?:ath|id|ort|rofile|roject|roxy|refix)\b)([^-].*)$/s.exec(argument) ?? [];
  return glued !== undefined && masked === argument && !PORTS.test(glued) ? `-p${MASK}` : masked;
}

/** The rest after a telling name, and what is a secret wherever it is; all is looked for in the text as it was. */
function maskParts(text: string): string {
  const restAt = Math.min(startOfValue(text), startAfterScheme(text));
  const secrets = userInfos(text).filter(([start]) => start < restAt);
  let masked = '';
  let from = 0;
  for (const [start, end] of secrets) {
    masked += `${text.slice(from, start)}${MASK}`;
    from = end;
  }
  if (from <= restAt) {
    masked += restAt === Infinity ? text.slice(from) : `${text.slice(from, restAt)}${MASK}`;
  }
  return masked.replace(KNOWN_TOKEN, MASK).replace(SECRET_PATH, `$1${MASK}`).replace(PRIVATE_KEY, MASK);
}

function startAfterScheme(text: string): number {
  const found = SCHEME.exec(text);
  return found ? found.index + found[1]!.length : Infinity;
}

/** Whether an argument is the value of the one before it: of a telling flag or header, or of `Bearer`. */
function isSecretAfter(previous: string, argument: string): boolean {
  if (/^(?:bearer|basic)$/i.test(previous)) {
    return true;
  }
  if (SHORT_PASSWORD_FLAG.test(previous)) {
    return (
      !PORTS.test(argument) && !/^--?[a-z]/i.test(argument) && !/^\.{0,2}\/|^\.{1,2}$|\.json$/.test(argument)
    );
  }
  const [, name] = /^(?:--?|(?=[\w.-]+:$))([\w.-]{1,200}):?$/.exec(previous) ?? [];
  // The next flag is not the value of one that has none.
  return name !== undefined && isSecretName(name) && !/^(?:--[a-z]|-[a-z]$)/i.test(argument);
}

function isSecretName(name: string): boolean {
  if (ABOUT_SECRET.test(name) || ABOUT_SECRET.test(name.toLowerCase())) {
    return false;
  }
  return SECRET_PART.test(name) || SECRET_WORD.test(name) || SECRET_WORD.test(name.toLowerCase());
}

/** From the first pair with a telling name on all is masked, as nobody knows where its value ends. */
function startOfValue(text: string): number {
  for (const { 0: name, index } of text.matchAll(/[\w.-]+/g)) {
    const before = text[index - 1];
    if ((before === undefined || /[\s=:,;&?#{('"]/.test(before)) && isSecretName(name)) {
      const end = index + name.length;
      // `auth:8080` is a host.
      const rest = text.slice(end, end + 64);
      const [separator] =
        /^["']?\s{0,20}(?:=|:(?!$|\d{1,5}(?:\/|$)))\s{0,20}/.exec(rest) ??
        // A command within an argument, as of `sh -c`.
        (name.startsWith('-') ? /^\s{1,20}(?!-|$)/.exec(rest) : null) ??
        [];
      if (separator !== undefined) {
        return end + separator.length;
      }
    }
  }
  return Infinity;
}

/**
 * Where user and password of URLs are, and of `user:password@host` without a scheme: the user is left where that tells
 * nothing. All before the last `@` of the authority counts, as a password may have one, too; a name without a password may
 * be a token.
 */
function userInfos(text: string): Array<readonly [start: number, end: number]> {
  const [beforeFirst = '', ...urls] = text.split('://');
  if (urls.length === 0) {
    const [colon, at] = [text.indexOf(':'), text.lastIndexOf('@')];
    return colon > 0 && colon < at && /^[\w[.-]/.test(text.slice(at + 1)) ? [[colon + 1, at]] : [];
  }
  let start = beforeFirst.length;
  return urls.flatMap((rest) => {
    start += '://'.length;
    const [from, to] = userInfoOf(rest);
    const found = [start + from, start + to] as const;
    start += rest.length;
    return to > 0 ? [found] : [];
  });
}

/** @param rest what follows `://`, up to the next one. */
function userInfoOf(rest: string): readonly [start: number, end: number] {
  const authority = /^[^/?#\s"'<>]*/.exec(rest)![0];
  const whole = /^[^\s"'<>]*/.exec(rest)![0];
  // A password may have a `/` in it, which is not allowed and still seen; a port is no password.
  const hasPassword = /^[^:@]*:(?!\d{1,5}(?:$|[,/?#]))/.test(authority);
  const at = (hasPassword ? whole : authority).lastIndexOf('@');
  const colon = rest.indexOf(':');
  // Where the password is nothing or a word that is always the same, the name is the token.
  const tellsUser =
    colon !== -1 && colon < at && colon <= 16 && !/:(?:x-oauth-basic)?$/.test(rest.slice(0, at));
  return [tellsUser ? colon + 1 : 0, at];
}
