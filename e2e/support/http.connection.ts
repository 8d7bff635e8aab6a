import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Response } from './http.request.js';

/** A connection to an HTTP server on which a test writes bytes as they are: also what `node:http` refuses to send. */
export class HttpConnection {
  readonly #closed: Promise<unknown>;
  readonly #onData = new Set<() => void>();
  #received = Buffer.alloc(0);

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onData.forEach((listener) => listener());
    });
    // A server that cuts a connection may reset it: what it has sent before counts.
    socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
  }

  static async open(origin: string): Promise<HttpConnection> {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new HttpConnection(socket);
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** What the server has sent, and nobody has taken, so far. */
  get soFar(): string {
    return this.#received.toString('latin1');
  }

  /** Everything that the server has sent until it closed. */
  async untilClosed(): Promise<Buffer> {
    await this.#closed;
    return this.#received;
  }

  /** Settles when the server has sent something that matches; fails where it closes before. */
  received(pattern: RegExp): Promise<void> {
    return this.#until(() => pattern.test(this.#received.toString('latin1')));
  }

  async #until(isThere: () => boolean): Promise<void> {
    let check: (() => void) | undefined;
    const found = new Promise<void>((resolve) => {
      check = () => {
        if (isThere()) {
          resolve();
        }
      };
      this.#onData.add(check);
      check();
    });
    try {
      await Promise.race([found, this.#closed]);
    } finally {
      this.#onData.delete(check!);
    }
    if (!isThere()) {
      throw new Error(`the connection was closed after ${JSON.stringify(this.#received.toString())}`);
    }
  }

  /** The next response on a connection that is kept; fails where the server closes before it is whole. */
  async nextResponse(): Promise<Response> {
    await this.received(/\r\n\r\n/);
    const headersEnd = this.#received.indexOf('\r\n\r\n') + 4;
    const { headers } = parseResponse(this.#received);
    const end = headersEnd + Number(headers['content-length']);
    await this.#until(() => this.#received.length >= end);
    const response = parseResponse(this.#received.subarray(0, end));
    this.#received = this.#received.subarray(end);
    return response;
  }

  /** Goes away without a word. */
  disconnect(): void {
    this.socket.destroy();
  }
}

/** Sends bytes and reads what comes back until the server closes the connection. */
export async function exchange(origin: string, bytes: string | Buffer): Promise<Response> {
  const connection = await HttpConnection.open(origin);
  connection.write(bytes);
  return parseResponse(await connection.untilClosed());
}

/** Of one response, with a body that is as long as it says. */
export function parseResponse(bytes: Buffer): Response {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) {
    throw new Error(`not an HTTP response: ${JSON.stringify(bytes.toString('latin1'))}`);
  }
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers: IncomingHttpHeaders = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = bytes.subarray(end + 4);
  return { status: Number(statusLine.split(' ')[1]), headers, body, text: body.toString() };
}
