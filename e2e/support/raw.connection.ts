import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll } from '@jest/globals';

const sockets = new Set<Socket>();

afterAll(() => sockets.forEach((socket) => socket.destroy()));

/** A connection on which a test sends whatever bytes it likes. */
export class RawConnection {
  readonly closed: Promise<unknown>;
  #received = '';

  private constructor(readonly socket: Socket) {
    sockets.add(socket);
    this.closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    // A reset is one way of being closed.
    socket.on('error', () => undefined);
    socket.setEncoding('latin1').on('data', (text: string) => (this.#received += text));
    void this.closed.then(() => sockets.delete(socket));
  }

  /** @param url of the profiling server */
  static async open(url: string): Promise<RawConnection> {
    const { port } = new URL(url);
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    const connection = new RawConnection(socket);
    await Promise.race([once(socket, 'connect'), connection.closed]);
    return connection;
  }

  get isClosed(): boolean {
    return this.socket.closed;
  }

  /** What the server has sent so far. */
  get received(): string {
    return this.#received;
  }

  /** Also to one that the server has closed. */
  send(bytes: string | Uint8Array): void {
    if (this.socket.writable) {
      this.socket.write(bytes);
    }
  }

  destroy(): void {
    this.socket.destroy();
  }
}
