import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { printable } from '../thread/pprof/profile.model.js';
import { AnswerError, CredentialsError, UnreachableError } from './cli.errors.js';
import type { ServiceTarget } from './service.target.js';

/** Beyond the window that is asked for: a thread that is stuck or has no processor is waited for, and a heap is large. */
const PATIENCE_MILLIS = 60_000;

/** No answer of ours is as large. */
const MAX_BYTES = 512 * 1024 * 1024;

/** `user:password`. @internal */
export type Credentials = string;

/** @internal */
export interface Asking {
  readonly signal: AbortSignal;
  /** Of the window that is asked for. */
  readonly seconds?: number | undefined;
}

/** Asks one profiler, with credentials where it wants them. @internal */
export class ServiceClient {
  #credentials: Credentials | undefined;

  /** @param ask gets credentials from the user, where the service wants some; undefined where there is no user. */
  constructor(
    readonly target: ServiceTarget,
    credentials: Credentials | undefined,
    private readonly ask: ((username: string | undefined) => Promise<Credentials>) | undefined,
  ) {
    this.#credentials = credentials;
  }

  /** Asks the user for credentials where the service wants some, before anything is shown or begun. */
  async signIn(signal: AbortSignal): Promise<void> {
    if (
      this.ask &&
      this.#credentials === undefined &&
      (await this.#get('pprof/symbol', { signal })).status === 401
    ) {
      this.#credentials = await this.ask(this.target.username);
    }
  }

  /**
   * @param path below `/debug/`
   * @throws {AnswerError | UnreachableError | CredentialsError} or the reason of the signal
   */
  async get(path: string, asking: Asking): Promise<Buffer> {
    const { status, headers, body } = await this.#get(path, asking);
    if (status === 200) {
      return body;
    }
    const text = printable(body.toString('utf8').trim(), 2000);
    if (headers['x-go-pprof'] === undefined) {
      throw new UnreachableError(
        `${this.target.label} answers with status ${status}, and not as a profiler does: is this the port of the application itself, or of something else?`,
      );
    }
    if (status === 401) {
      throw new CredentialsError(
        this.#credentials === undefined
          ? 'the service wants credentials: set PPROF_AUTH=USER:PASSWORD in the environment, or run this in a terminal, which asks for them'
          : 'the service does not take these credentials',
      );
    }
    throw new AnswerError(status, `the service answers ${status}: ${text}`);
  }

  async #get(
    path: string,
    { signal, seconds = 0 }: Asking,
  ): Promise<Pick<IncomingMessage, 'headers'> & { readonly status: number; readonly body: Buffer }> {
    const { origin, prefix, socketPath } = this.target;
    const request = origin.startsWith('https:') ? httpsRequest : httpRequest;
    const late = AbortSignal.timeout(seconds * 1000 + PATIENCE_MILLIS);
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request(`${origin}${prefix}/debug/${path}`, {
          agent: false,
          ...(socketPath === undefined ? {} : { socketPath }),
          ...(this.#credentials === undefined ? {} : { auth: this.#credentials }),
          signal: AbortSignal.any([signal, late]),
        })
          .on('response', resolve)
          .on('error', reject)
          .end();
      });
      if (Number(response.headers['content-length'] ?? 0) > MAX_BYTES) {
        response.destroy();
        throw new Error('the answer is too large');
      }
      return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
    } catch (error) {
      signal.throwIfAborted();
      throw this.#unreachable(error, late.aborted ? seconds + PATIENCE_MILLIS / 1000 : undefined);
    }
  }

  #unreachable(error: unknown, waitedSeconds: number | undefined): UnreachableError {
    const { label, socketPath } = this.target;
    if (waitedSeconds !== undefined) {
      return new UnreachableError(`${label} has not answered in ${waitedSeconds} s`);
    }
    // Of a name with several addresses the first one tells.
    const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
    const { code, message } = first as NodeJS.ErrnoException;
    const ofSocket = socketPath !== undefined;
    const known: Readonly<Record<string, string>> = {
      ECONNREFUSED: `nothing listens on ${label}${ofSocket ? '' : ': is the service up, its profiler enabled, the tunnel open? `npx nestjs-pprof list` has the processes of this user on this machine'}`,
      ENOENT: `there is no ${label}: the service does not run, or has another socketPath`,
      EACCES: `${label} is for its own user alone: run this as that user, or as root`,
      ECONNRESET: `${label} has closed the connection: the process has ended, the tunnel has closed, or it is no HTTP server`,
    };
    return new UnreachableError(known[code ?? ''] ?? `${label} cannot be asked: ${printable(message, 500)}`);
  }
}

/** What follows a path, of the parameters that there are. @internal */
export function queryOf(parameters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) {
      query.set(name, value);
    }
  }
  return query.size === 0 ? '' : `?${query}`;
}
