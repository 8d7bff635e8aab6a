import type { LabelSet } from '../shared/agent.protocol.js';
import type { Frames } from './label.frames.js';
import { RequestContext } from './request.context.js';
import type { RouteGroup } from './route.groups.js';
import { type FastifyRequest, type HttpRequest, methodOf, type RouteLabels } from './route.labels.js';

type Connection = HttpRequest['socket'];

/** What Node and Fastify publish of a request. */
interface RequestMessage {
  readonly request: HttpRequest;
  readonly response: { readonly statusCode: number };
  readonly socket: Connection;
  readonly server: object;
}

interface StreamMessage {
  readonly stream: Connection;
  readonly headers: Readonly<Record<string, unknown>>;
}

interface FastifyMessage {
  readonly request: FastifyRequest;
  readonly route: { readonly url?: string };
}

/** A request that has begun. Each connection has one, for its requests one after the other. */
class InFlight {
  /** Undefined between two requests. */
  request: HttpRequest | undefined;
  context: RequestContext | undefined;
  group: RouteGroup | undefined;
  /** By Fastify, or by the status of an answer of HTTP/2. */
  told: LabelSet | undefined;
}

/** Connections are looked through for those that are gone when there are twice as many as the last time. */
const LEAST_LOOKED_THROUGH = 1000;

/**
 * Labels what is sampled of HTTP requests while it is started, and costs nothing while it is not: each request that begins gets
 * an async context with a small object in it, which those that look alike and begin between two samples share, and which their
 * ends fill in. Neither that object nor the async context refers to a request.
 *
 * @internal
 */
export class RequestLabels {
  readonly #connections = new Map<Connection, InFlight>();
  /** Those that do not have a connection to themselves, by the request of HTTP/1 (pipelined), or the stream of HTTP/2. */
  readonly #others = new Map<object, InFlight>();
  #lookThroughAt = LEAST_LOOKED_THROUGH;
  #frames: Frames | undefined;

  constructor(private readonly routes: RouteLabels) {}

  start(frames: Frames): void {
    this.routes.prepare();
    this.#frames = frames;
    this.#channels((channel, subscriber) => channel.subscribe(subscriber));
  }

  stop(): void {
    this.#channels((channel, subscriber) => channel.unsubscribe(subscriber));
    this.#frames = undefined;
    this.#connections.clear();
    this.#others.clear();
    this.routes.forgetGroups();
  }

  /** Fills in what is known of the requests that have not ended, and forgets those that were aborted. */
  settle(): void {
    const { routes } = this;
    for (const [connection, inFlight] of this.#connections) {
      if (connection.destroyed) {
        this.#abort(inFlight);
        this.#connections.delete(connection);
      }
    }
    for (const [key, inFlight] of this.#others) {
      if (inFlight.request?.socket?.destroyed !== false) {
        this.#abort(inFlight);
        this.#others.delete(key);
      }
    }
    const all = [...this.#connections.values(), ...this.#others.values()];
    for (const { context } of all) {
      context?.reset();
    }
    for (const inFlight of all) {
      const { context, request } = inFlight;
      if (context && request) {
        context.add(this.#known(inFlight) ?? routes.unknown(request), routes.unknown(request));
      }
    }
    this.#lookThroughAt = Math.max(LEAST_LOOKED_THROUGH, 2 * all.length);
  }

  #begin(inFlight: InFlight, request: HttpRequest, server: unknown): void {
    const frames = this.#frames;
    if (!frames) {
      return;
    }
    const { sampleCount } = frames;
    const group = this.routes.groupOf(request.method, request.url);
    const holder = group?.holderFor(server, sampleCount);
    inFlight.request = request;
    inFlight.group = group;
    inFlight.told = undefined;
    if (holder) {
      inFlight.context = group?.context;
      frames.enterAgain(holder);
      return;
    }
    const context = new RequestContext();
    inFlight.context = context;
    const made = frames.enter(context);
    group?.begin(context, made, server, sampleCount);
  }

  /** Undefined as long as nobody has told. */
  #known({ request, group, told }: InFlight): LabelSet | undefined {
    return (request && this.routes.ofExpress(request, group)) ?? told;
  }

  #end(inFlight: InFlight, labels: LabelSet): void {
    const { request, context, group } = inFlight;
    if (request && context && !context.end(labels)) {
      context.mix(this.routes.unknown(request));
      group?.separate();
    }
    inFlight.request = undefined;
    inFlight.context = undefined;
  }

  /** Before its answer: it was aborted. */
  #abort(inFlight: InFlight): void {
    const { request } = inFlight;
    if (request) {
      this.#end(inFlight, this.#known(inFlight) ?? this.routes.unknown(request));
    }
  }

  /** That of a connection, unless that has another request in flight. */
  #find(request: HttpRequest): InFlight | undefined {
    const inFlight = this.#connections.get(request.socket);
    return inFlight?.request === request ? inFlight : this.#others.get(request.stream ?? request);
  }

  readonly #onStart = harmless(({ request, socket, server }: RequestMessage) => {
    let inFlight = this.#connections.get(socket);
    if (inFlight?.request !== undefined) {
      inFlight = new InFlight();
      this.#others.set(request, inFlight);
    } else if (inFlight === undefined) {
      inFlight = new InFlight();
      this.#connections.set(socket, inFlight);
      if (this.#connections.size + this.#others.size > this.#lookThroughAt) {
        this.settle();
      }
    }
    this.#begin(inFlight, request, server);
  });

  readonly #onFinish = harmless(({ request, response: { statusCode } }: RequestMessage) => {
    const inFlight = this.#find(request);
    if (inFlight) {
      const { routes } = this;
      const { group, told } = inFlight;
      const labels = routes.ofExpress(request, group, statusCode) ?? told;
      this.#end(inFlight, labels ?? routes.none(request, statusCode));
      if (this.#others.size > 0) {
        this.#others.delete(request);
      }
    }
  });

  readonly #onStream = harmless(({ stream, headers }: StreamMessage) => {
    const inFlight = new InFlight();
    this.#others.set(stream, inFlight);
    const request = {
      method: methodOf(String(headers[':method'])),
      url: String(headers[':path']),
      socket: stream,
    };
    this.#begin(inFlight, request, 'HTTP/2');
  });

  readonly #onStreamHeaders = harmless(({ stream, headers }: StreamMessage) => {
    const inFlight = this.#others.get(stream);
    if (inFlight?.request) {
      inFlight.told ??= this.routes.none(inFlight.request, Number(headers[':status']));
    }
  });

  readonly #onStreamClose = harmless(({ stream }: StreamMessage) => {
    const inFlight = this.#others.get(stream);
    if (inFlight) {
      this.#abort(inFlight);
      this.#others.delete(stream);
    }
  });

  /** Fastify matches the route first of all, and tells of it when the hooks are done. */
  readonly #onFastifyRoute = harmless(({ request, route: { url } }: FastifyMessage) => {
    const inFlight = this.#find(request.raw);
    if (inFlight && url !== undefined) {
      inFlight.told = this.routes.ofFastify(request, inFlight.group, url);
    }
  });

  #channels(each: (channel: Channel, subscriber: (message: unknown) => void) => void): void {
    const { channel } = process.getBuiltinModule('node:diagnostics_channel');
    each(channel('http.server.request.start'), this.#onStart);
    each(channel('http.server.response.finish'), this.#onFinish);
    each(channel('http2.server.stream.created'), this.#onStream);
    each(channel('http2.server.stream.finish'), this.#onStreamHeaders);
    each(channel('http2.server.stream.close'), this.#onStreamClose);
    each(channel('tracing:fastify.request.handler:start'), this.#onFastifyRoute);
  }
}

interface Channel {
  subscribe(subscriber: (message: unknown) => void): void;
  unsubscribe(subscriber: (message: unknown) => void): void;
}

/** What a subscriber throws comes out as an uncaught exception of the application's. */
function harmless<M>(subscriber: (message: M) => void): (message: unknown) => void {
  return (message) => {
    try {
      subscriber(message as M);
    } catch {
      // This request has no labels.
    }
  };
}
