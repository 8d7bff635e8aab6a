const SECRET_WORD = [
  'pass(?:word|wd|phrase)?',
  'pwd',
  'secret',
  'token',
  '(?:api|access|private)[-_]?key',
  'credential',
  // Not the author of something, but what authorizes.
  'auth(?!or(?!i[sz]))',
  'cookie',
].join('|');

const SECRET_FLAG = new RegExp(String.raw`^--?[\w.-]*(?:${SECRET_WORD})[\w.-]*$`, 'i');
/**
 * A telling name with its value: `--token=x`, `TOKEN=x`, `--env=DB_PASSWORD=x`, `Authorization: Bearer x`,
 * `{"password":"x"}`. The value is the rest of the argument, as nobody knows where it ends. `auth:8080` is a host.
 */
const SECRET_PAIR = new RegExp(
  String.raw`((?:^|[\s=:,;&?{('"])[\w.-]*(?:${SECRET_WORD})[\w.-]*["']?\s*(?:=|:(?!\d{1,5}(?:/|$)))\s*).*$`,
  'is',
);
const BEARER = /(\bbearer\s+)\S.*$/is;
/** What curl and wget take as `user:password`. */
const USER_FLAG = /^(?:-u|--user|--proxy-user)$/;
const USER_PAIR = /^((?:--(?:proxy-)?user=)?[^:\s]+:).+$/s;
const CREDENTIALS_IN_URL = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;
const MASK = '***';

/**
 * Masks what looks like a secret in a command line: values of flags, variables and headers with a telling name
 * (`--token=x`, `--token x`, `-e TOKEN=x`, `--header "Authorization: Bearer x"`) and passwords in URLs. A command line is
 * the wrong place for a secret, and still many have one there. Rather too much is masked than too little.
 *
 * @internal
 */
export function maskSecrets(argv: readonly string[]): string[] {
  return argv.map((argument, index) => maskArgument(argument, argv[index - 1] ?? ''));
}

function maskArgument(argument: string, previous: string): string {
  if (SECRET_FLAG.test(previous) && !argument.startsWith('-')) {
    return MASK;
  }
  if (USER_FLAG.test(previous) || /^--(?:proxy-)?user=/.test(argument)) {
    return argument.replace(USER_PAIR, `$1${MASK}`);
  }
  return argument
    .replace(CREDENTIALS_IN_URL, `$1${MASK}@`)
    .replace(SECRET_PAIR, `$1${MASK}`)
    .replace(BEARER, `$1${MASK}`);
}
