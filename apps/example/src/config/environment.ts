/** Everything the example reads from the environment or from `.env`, checked and typed. */
export interface Environment {
  HOST: string;
  PORT: number;
  GLOBAL_PREFIX: string;
  PPROF_ENABLED: boolean;
  PPROF_HOST: string;
  PPROF_PORT: number;
  PPROF_FLIGHT_RECORDER: boolean;
  /** Empty for none. */
  PPROF_OOM_DIRECTORY: string;
}

/** For `ConfigModule.forRoot({ validate })`: reports all mistakes at once, so that one restart is enough. */
export function validateEnvironment(variables: Record<string, unknown>): Environment {
  const problems: string[] = [];

  /** An empty variable counts as not set: `PORT= npm start` and a bare `PORT=` in `.env` mean the default. */
  function read<T>(
    name: keyof Environment,
    fallback: T,
    takes: string,
    parse: (text: string) => T | undefined,
  ): T {
    const text = String(variables[name] ?? '').trim();
    if (text === '') {
      return fallback;
    }
    const value = parse(text);
    if (value === undefined) {
      problems.push(`${name} is ${JSON.stringify(text)}, but takes ${takes}.`);
      return fallback;
    }
    return value;
  }

  const environment: Environment = {
    HOST: read('HOST', '127.0.0.1', HOST_TAKES, parseHost),
    PORT: read('PORT', 3000, PORT_TAKES, parsePort),
    GLOBAL_PREFIX: read('GLOBAL_PREFIX', '', PREFIX_TAKES, parsePrefix),
    PPROF_ENABLED: read('PPROF_ENABLED', false, '"true" or "false"', parseBoolean),
    PPROF_HOST: read('PPROF_HOST', '127.0.0.1', HOST_TAKES, parseHost),
    PPROF_PORT: read('PPROF_PORT', 6060, PORT_TAKES, parsePort),
    PPROF_FLIGHT_RECORDER: read('PPROF_FLIGHT_RECORDER', false, '"true" or "false"', parseBoolean),
    PPROF_OOM_DIRECTORY: read('PPROF_OOM_DIRECTORY', '', 'the path of a directory', (path) => path),
  };
  if (problems.length > 0) {
    throw new Error(`The environment is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
  return environment;
}

const PORT_TAKES = 'a whole number from 0 (any free port) to 65535';
const HOST_TAKES = 'a host name or an IP address without scheme, port or path, for instance "127.0.0.1"';
const PREFIX_TAKES = 'a path of letters, digits, "-", "_" and "/", for instance "api"';

function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function parseBoolean(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

function parseHost(text: string): string | undefined {
  const isName = /^[a-z\d.-]+$/i.test(text);
  const isIpv6 = /^[a-f\d:.]*:[a-f\d:.]*:[a-f\d:.]*$/i.test(text);
  return isName || isIpv6 ? text : undefined;
}

function parsePrefix(text: string): string | undefined {
  return /^[\w/-]+$/.test(text) ? text : undefined;
}
