const SECRET_NAME =
  /pass(word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|auth/i;
const CREDENTIALS_IN_URL = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi;
const MASK = '***';

/**
 * Masks what looks like a secret in a command line: values of flags with a telling name (`--token=x`, `--token x`,
 * `TOKEN=x`) and passwords in URLs. A command line is the wrong place for a secret, and still many have one there.
 *
 * @internal
 */
export function maskSecrets(argv: readonly string[]): string[] {
  return argv.map((argument, index) => {
    const [, name, separator] = /^(-{0,2}[\w.-]+)(=)/s.exec(argument) ?? [];
    if (name !== undefined && SECRET_NAME.test(name)) {
      return `${name}${separator}${MASK}`;
    }
    const flag = argv[index - 1];
    if (
      flag !== undefined &&
      /^--?[\w.-]+$/.test(flag) &&
      SECRET_NAME.test(flag) &&
      !argument.startsWith('-')
    ) {
      return MASK;
    }
    return argument.replace(CREDENTIALS_IN_URL, `$1${MASK}@`);
  });
}
