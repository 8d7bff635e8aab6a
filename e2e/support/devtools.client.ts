import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Socket } from 'node:net';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Chrome DevTools' end of the protocol: a WebSocket to the port that `node --inspect` opens. Just what the tests need. */
export class DevToolsClient {
  readonly #calls = new Map<number, (message: Message) => void>();
  readonly #waiting = new Map<string, (params: unknown) => void>();
  #nextId = 1;
  #unread = Buffer.alloc(0);

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes) => this.#read(bytes));
  }

  /** @param url `ws://…`, as Node prints it. */
  static connect(url: string): Promise<DevToolsClient> {
    const { hostname, port, pathname } = new URL(url);
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    };
    return new Promise((resolve, reject) => {
      request({ hostname, port, path: pathname, headers })
        .on('upgrade', (_, socket) => resolve(new DevToolsClient(socket as Socket)))
        .on('error', reject)
        .end();
    });
  }

  async call<T = unknown>(method: string, params: object = {}): Promise<T> {
    const id = this.#nextId++;
    const { result, error } = await new Promise<Message>((resolve) => {
      this.#calls.set(id, resolve);
      this.socket.write(frameOf(JSON.stringify({ id, method, params })));
    });
    if (error) {
      throw new Error(`${method}: ${error.message}`);
    }
    return result as T;
  }

  /** The next event with this name. */
  event<T = unknown>(method: string): Promise<T> {
    return new Promise((resolve) => this.#waiting.set(method, (params) => resolve(params as T)));
  }

  close(): void {
    this.socket.destroy();
  }

  // https://www.rfc-editor.org/rfc/rfc6455#section-5.2
  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const short = this.#unread.length < 2 ? 0 : this.#unread[1]! & 0x7f;
      const start = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (this.#unread.length < start) {
        return;
      }
      const length =
        short === 126
          ? this.#unread.readUInt16BE(2)
          : short === 127
            ? Number(this.#unread.readBigUInt64BE(2))
            : short;
      if (this.#unread.length < start + length) {
        return;
      }
      const text = this.#unread.toString('utf8', start, start + length);
      this.#unread = this.#unread.subarray(start + length);
      this.#received(JSON.parse(text) as Message);
    }
  }

  #received(message: Message): void {
    if (message.id !== undefined) {
      this.#calls.get(message.id)?.(message);
      this.#calls.delete(message.id);
    } else if (message.method !== undefined) {
      this.#waiting.get(message.method)?.(message.params);
      this.#waiting.delete(message.method);
    }
  }
}

/** A text frame. A client has to mask what it sends; with zeros, that leaves it as it is. */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = 0x81;
  header[1] = 0x80 | 126;
  header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}
