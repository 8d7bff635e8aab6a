import type { AsyncLocalStorage } from 'node:async_hooks';
import { LabelContext } from './label.sets.js';
import type { FastifyRequest, HttpRequest, RouteLabels } from './route.labels.js';

/** What Node and Fastify publish of a request. */
interface RequestMessage {
  readonly request: HttpRequest;
  readonly response: { readonly statusCode: number };
}

interface StreamMessage {
  readonly stream: { readonly destroyed: boolean };
  readonly headers: Readonly<Record<string, unknown>>;
}

interface FastifyMessage {
  readonly request: FastifyRequest;
  readonly route: { readonly url?: string };
}

interface Contexts {
  setContext(context: object): void;
}

/** Requests in flight are looked through for those that were aborted when there are twice as many as the last time. */
const LEAST_LOOKED_THROUGH = 1000;

/**
 * Labels what is sampled of HTTP requests while it is started, and costs nothing while it is not: each request that begins gets
 * an async context that holds a small object, which the end of the request fills in. Neither that object nor the context
 * refers to the request.
 *
 * @internal
 */
export class RequestLabels {
  readonly #inFlight = new Map<HttpRequest, LabelContext>();
  /** Of HTTP/2, with the method that their headers had. */
  readonly #streams = new Map<object, { readonly context: LabelContext; readonly method: string }>();
  #lookThroughAt = LEAST_LOOKED_THROUGH;
  #contexts: Contexts | undefined;
  #frames: AsyncLocalStorage<true> | undefined;

  constructor(private readonly routes: RouteLabels) {}

  start(contexts: Contexts, frames: AsyncLocalStorage<true>): void {
    this.routes.prepare();
    this.#contexts = contexts;
    this.#frames = frames;
    this.#channels((channel, subscriber) => channel.subscribe(subscriber));
  }

  stop(): void {
    this.#channels((channel, subscriber) => channel.unsubscribe(subscriber));
    this.#contexts = undefined;
    this.#frames = undefined;
    this.#inFlight.clear();
    this.#streams.clear();
  }

  /** Fills in what is known of the requests that have not ended, and forgets those that were aborted. */
  settle(): void {
    for (const [request, context] of this.#inFlight) {
      context.labels = this.routes.ofExpress(request) ?? context.labels ?? this.routes.unknown(request);
      if (request.socket?.destroyed !== false) {
        this.#inFlight.delete(request);
      }
    }
    this.#lookThroughAt = Math.max(LEAST_LOOKED_THROUGH, 2 * this.#inFlight.size);
  }

  #enter(): LabelContext {
    const context = new LabelContext(undefined);
    // Without a frame of async context there is nothing to hold it.
    this.#frames?.enterWith(true);
    this.#contexts?.setContext(context);
    return context;
  }

  readonly #onStart = harmless(({ request }: RequestMessage) => {
    this.#inFlight.set(request, this.#enter());
    if (this.#inFlight.size > this.#lookThroughAt) {
      this.settle();
    }
  });

  readonly #onFinish = harmless(({ request, response }: RequestMessage) => {
    const context = this.#inFlight.get(request);
    if (context) {
      const { routes } = this;
      const { statusCode } = response;
      const isOpen = context.labels === undefined || context.labels === routes.unknown(request);
      context.labels =
        routes.ofExpress(request, statusCode) ?? (isOpen ? routes.none(request, statusCode) : context.labels);
      this.#inFlight.delete(request);
    }
  });

  readonly #onStream = harmless(({ stream, headers }: StreamMessage) => {
    const context = this.#enter();
    const method = String(headers[':method']);
    context.labels = this.routes.unknown({ method });
    this.#streams.set(stream, { context, method });
  });

  readonly #onStreamHeaders = harmless(({ stream, headers }: StreamMessage) => {
    const { context, method } = this.#streams.get(stream) ?? {};
    if (context && method && context.labels === this.routes.unknown({ method })) {
      context.labels = this.routes.none({ method }, Number(headers[':status']));
    }
  });

  readonly #onStreamClose = harmless(({ stream }: StreamMessage) => {
    this.#streams.delete(stream);
  });

  /** Fastify matches the route first of all, and tells of it when the hooks are done. */
  readonly #onFastifyRoute = harmless(({ request, route: { url } }: FastifyMessage) => {
    const { raw } = request;
    const context = this.#inFlight.get(raw) ?? this.#streams.get(raw.stream ?? raw)?.context;
    if (context && url !== undefined) {
      context.labels = this.routes.ofFastify(request, url);
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
