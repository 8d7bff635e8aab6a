import type { Channel } from 'node:diagnostics_channel';
import type { LabelSet } from '../shared/agent.protocol.js';
import type { Frames } from './label.frames.js';
import { tried } from '../shared/pprof.error.js';
import { RequestContext, type RouteGroup } from './route.groups.js';
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

/**
 * What is known of a request without the request: it is held until the next one or until its connection is gone, and must not keep
 * a body alive. Each connection has one, for its requests one after the other.
 */
class InFlight {
  context: RequestContext | undefined;
  group: RouteGroup | undefined;
  /** By Fastify, or by the status of an answer of HTTP/2. */
  told: LabelSet | undefined;
  method = '';
  readonly current: WeakRef<Current>;

  constructor(current: Current) {
    this.current = new WeakRef(current);
  }
}

/** The request of a connection, held by nothing but what that connection is the key of. */
class Current {
  /** Undefined between two requests. */
  request: HttpRequest | undefined;
  readonly inFlight = new InFlight(this);
  /** Those that have begun before this one has ended. */
  pipelined: Map<HttpRequest, Current> | undefined;

  constructor(
    readonly connection: Connection,
    /** Where it is one of the pipelined. */
    readonly among?: Map<HttpRequest, Current>,
  ) {}
}

/** Connections that are closed are swept each time that so many requests, or as many as there are connections, have begun. */
const LEAST_BETWEEN_SWEEPS = 64;

/**
 * Labels what is sampled of HTTP requests while it is started, and costs nothing while it is not: each request that begins gets
 * an async context with a small object in it, which those that look alike and begin between two samples share, and which their
 * ends fill in. Neither that object nor the async context refers to a request.
 *
 * @internal
 */
export class RequestLabels {
  /** By the connection of HTTP/1, or the stream of HTTP/2. */
  #currents = new WeakMap<object, Current>();
  readonly #all = new Set<InFlight>();
  #untilSweep = LEAST_BETWEEN_SWEEPS;
  #frames: Frames | undefined;

  constructor(private readonly routes: RouteLabels) {}

  start(frames: Frames): void {
    this.routes.prepare();
    this.#frames = frames;
    this.#channels((channel, subscriber) => channel.subscribe(subscriber));
  }

  /** Never throws: an application may have put something in the place of a channel that does. */
  stop(): void {
    tried(() => this.#channels((channel, subscriber) => tried(() => channel.unsubscribe(subscriber))));
    this.#frames = undefined;
    this.#currents = new WeakMap();
    this.#all.clear();
    this.routes.forgetGroups();
  }

  /** Fills in what is known of the requests that have not ended, and forgets those that were aborted. */
  settle(): void {
    const { routes } = this;
    this.#forgetAborted();
    for (const { context } of this.#all) {
      context?.reset();
    }
    for (const { context, current, group, told, method } of this.#all) {
      if (context) {
        const unknown = routes.unknown({ method });
        context.add(this.#known(current.deref()?.request, group, told) ?? unknown, unknown);
      }
    }
  }

  #add(key: object, connection: Connection): Current {
    const current = new Current(connection);
    this.#currents.set(key, current);
    this.#all.add(current.inFlight);
    return current;
  }

  #begin(current: Current, request: HttpRequest, server: unknown): void {
    const frames = this.#frames;
    if (!frames) {
      return;
    }
    if (--this.#untilSweep <= 0) {
      this.#forgetAborted();
    }
    const { inFlight } = current;
    const { sampleCount } = frames;
    const group = this.routes.groupOf(request.method, request.url);
    const holder = group?.holderFor(server, sampleCount);
    current.request = request;
    inFlight.method = request.method;
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
  #known(
    request: HttpRequest | undefined,
    group: RouteGroup | undefined,
    told: LabelSet | undefined,
  ): LabelSet | undefined {
    return (request && this.#ofExpress(request, group)) ?? told;
  }

  /** What is read there is Express's, and whoever extends it: what throws tells no route, and everything else goes on. */
  #ofExpress(request: HttpRequest, group: RouteGroup | undefined, status?: number): LabelSet | undefined {
    try {
      return this.routes.ofExpress(request, group, status);
    } catch {
      return this.routes.unknown(request);
    }
  }

  #end(inFlight: InFlight, labels: LabelSet): void {
    const { context, group } = inFlight;
    if (context && !context.end(labels)) {
      context.mix(this.routes.unknown(inFlight));
      group?.separate();
    }
    inFlight.context = undefined;
  }

  /** Before its answer: it was aborted. */
  #abort(inFlight: InFlight, request: HttpRequest | undefined): void {
    if (inFlight.context) {
      this.#end(
        inFlight,
        this.#known(request, inFlight.group, inFlight.told) ?? this.routes.unknown(inFlight),
      );
    }
    this.#all.delete(inFlight);
  }

  #forgetAborted(): void {
    for (const inFlight of this.#all) {
      const current = inFlight.current.deref();
      // Its connection is collected, or will be.
      if (current === undefined || current.connection.destroyed) {
        this.#abort(inFlight, current?.request);
      }
    }
    this.#untilSweep = Math.max(LEAST_BETWEEN_SWEEPS, this.#all.size);
  }

  #find(request: HttpRequest): Current | undefined {
    const current = this.#currents.get(request.stream ?? request.socket);
    return current?.request === request || request.stream ? current : current?.pipelined?.get(request);
  }

  readonly #onStart = harmless(({ request, socket, server }: RequestMessage) => {
    let current = this.#currents.get(socket) ?? this.#add(socket, socket);
    if (current.request !== undefined) {
      const { pipelined = new Map<HttpRequest, Current>() } = current;
      current.pipelined = pipelined;
      current = new Current(socket, pipelined);
      pipelined.set(request, current);
      this.#all.add(current.inFlight);
    }
    this.#begin(current, request, server);
  });

  readonly #onFinish = harmless(({ request, response: { statusCode } }: RequestMessage) => {
    const current = this.#find(request);
    if (current) {
      const { routes } = this;
      const { inFlight } = current;
      const { group, told } = inFlight;
      const labels = this.#ofExpress(request, group, statusCode) ?? told;
      this.#end(inFlight, labels ?? routes.none(request, statusCode));
      current.request = undefined;
      if (current.among?.delete(request)) {
        this.#all.delete(inFlight);
      }
    }
  });

  readonly #onStream = harmless(({ stream, headers }: StreamMessage) => {
    const request = {
      method: methodOf(String(headers[':method'])),
      url: String(headers[':path']),
      socket: stream,
    };
    this.#begin(this.#add(stream, stream), request, 'HTTP/2');
  });

  readonly #onStreamHeaders = harmless(({ stream, headers }: StreamMessage) => {
    const current = this.#currents.get(stream);
    if (current?.request) {
      current.inFlight.told ??= this.routes.none(current.request, Number(headers[':status']));
    }
  });

  readonly #onStreamClose = harmless(({ stream }: StreamMessage) => {
    const current = this.#currents.get(stream);
    if (current) {
      this.#abort(current.inFlight, current.request);
      this.#currents.delete(stream);
    }
  });

  /** Fastify matches the route first of all, and tells of it when the hooks are done. */
  readonly #onFastifyRoute = harmless(({ request, route: { url } }: FastifyMessage) => {
    const inFlight = this.#find(request.raw)?.inFlight;
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
