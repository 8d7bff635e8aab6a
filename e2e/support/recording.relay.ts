import { EventEmitter, on, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { patience } from './patience.js';

/** A request that has passed, and the status of its answer. */
export interface Exchange {
  readonly path: string;
  readonly status: number;
}

/** A port of its own that leads to another, as a tunnel does, and that notes what passes. */
export class RecordingRelay {
  readonly #exchanges = new EventEmitter<{ exchange: [Exchange] }>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((near) => this.#relay(near));

  /** @param target the port on loopback that it leads to. */
  constructor(private readonly target: number) {}

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** The status with which the next request for a path is answered that is made while the work is done. */
  async statusOf(path: string, work: () => Promise<unknown>): Promise<number> {
    const signal = AbortSignal.timeout(patience(20_000));
    const exchanges = on(this.#exchanges, 'exchange', { signal });
    await work();
    for await (const [exchange] of exchanges as AsyncIterable<[Exchange]>) {
      if (exchange.path === path) {
        return exchange.status;
      }
    }
    throw new Error(`nobody has asked for ${path}`);
  }

  close(): void {
    this.#server.close();
    this.#sockets.forEach((socket) => socket.destroy());
  }

  #relay(near: Socket): void {
    const far = connect(this.target, '127.0.0.1');
    const asked: string[] = [];
    near.on('data', (data) => {
      asked.push(...[...data.toString('latin1').matchAll(/^[A-Z]+ (\S+) HTTP\//gm)].map(([, path]) => path!));
      far.write(data);
    });
    far.on('data', (data) => {
      for (const [, status] of data.toString('latin1').matchAll(/^HTTP\/1\.1 (\d+)/gm)) {
        this.#exchanges.emit('exchange', { path: asked.shift() ?? '', status: Number(status) });
      }
      near.write(data);
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
