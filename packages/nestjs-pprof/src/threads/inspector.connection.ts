import { Session } from 'node:inspector';
import { ThreadUnreachableError } from './threads.errors.js';

/** How long a command may take that the thread serves by interrupt; only a native call can hold it off for longer. */
const DEADLINE_MILLIS = 5000;

/**
 * A session with V8's inspector in the main thread. It is served in C++, by interrupt, so it works while the event loop
 * is stuck. Keep it open only as long as it is used: a process that exits with one open waits for a debugger.
 *
 * @internal
 */
export class InspectorConnection {
  readonly #session = new Session();
  /** An inspector session does not keep this thread's event loop turning, which its answers need. */
  readonly #keepAlive = setInterval(() => undefined, 1000);

  private constructor() {}

  static open(): InspectorConnection {
    const connection = new InspectorConnection();
    connection.#session.connectToMainThread();
    return connection;
  }

  /** Runs `use` with a connection that is closed afterwards, whatever happens. */
  static async using<T>(use: (connection: InspectorConnection) => Promise<T>): Promise<T> {
    const connection = InspectorConnection.open();
    try {
      return await use(connection);
    } finally {
      connection.close();
    }
  }

  /** @throws {ThreadUnreachableError} when no answer comes before the deadline. */
  post<T = unknown>(method: string, params: object = {}, deadlineMillis = DEADLINE_MILLIS): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new ThreadUnreachableError('main', deadlineMillis)),
        deadlineMillis,
      );
      this.#session.post(method, params, (error, result) => {
        clearTimeout(timer);
        if (error) {
          reject(Object.assign(new Error(`${method}: ${error.message}`), { cause: error }));
        } else {
          resolve(result as T);
        }
      });
    });
  }

  close(): void {
    clearInterval(this.#keepAlive);
    this.#session.disconnect();
  }
}
