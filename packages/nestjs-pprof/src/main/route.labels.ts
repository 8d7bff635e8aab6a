import { type LabelSet, ROUTE_NOT_KNOWN } from '../shared/agent.protocol.js';
import type { NestContainer } from './nest.container.js';
import { canonical, describeRoute, grouped, type HandlerRoute, joined, routesOf } from './nest.routes.js';
import { type RouteGroup, RouteGroups } from './route.groups.js';

/** Node's request; what else it has is Express's, which sets `route` when one has matched. @internal */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly socket: { readonly destroyed: boolean };
  /** Of HTTP/2. */
  readonly stream?: object;
  readonly baseUrl?: string;
  readonly route?: ExpressRoute | undefined;
  readonly app?: ExpressApplication;
}

interface ExpressApplication {
  readonly mountpath?: unknown;
  /** Of Express 5; in Express 4 it throws. */
  readonly router?: ExpressRouter;
  /** Of Express 4. */
  readonly _router?: ExpressRouter;
}

interface ExpressRouter {
  readonly stack: ReadonlyArray<{ readonly route?: ExpressRoute }>;
}

interface ExpressRoute {
  readonly path: unknown;
  readonly methods?: Readonly<Record<string, boolean>>;
  readonly stack?: ReadonlyArray<{ readonly handle?: { readonly name?: string } }>;
}

/** Of the channel of Fastify. @internal */
export interface FastifyRequest {
  readonly raw: HttpRequest;
  /** The application, or a plugin's part of it. */
  readonly server?: { readonly server?: unknown };
  /** Made anew whenever it is asked for. */
  readonly routeOptions?: { readonly handler?: { readonly name?: string } };
}

/** As much of it as is known. */
type Handled = Pick<HandlerRoute, 'versions' | 'hosts'> &
  Partial<Pick<HandlerRoute, 'controller' | 'handler'>>;

interface Resolved {
  readonly labels: LabelSet;
  /** What may have been answered by Nest itself, as none of its routes was meant. */
  readonly ifNotFound: LabelSet;
}

const NOT_FOUND = 404;

/**
 * Tells the route of a request by the pattern that the router has matched, and who handles that by the table of Nest's own
 * discovery. No part of a URL gets in there.
 *
 * @internal
 */
export class RouteLabels {
  #table: ReadonlyMap<string, readonly HandlerRoute[]> = new Map();
  #madeOf = '';
  #everything = '';
  #platform: unknown;
  #groups = new RouteGroups([]);
  readonly #interned = new Map<string, LabelSet>();
  readonly #routeless = new Map<string, { readonly none: LabelSet; readonly unknown: LabelSet }>();
  #express = new WeakMap<ExpressRoute, Map<string, Resolved>>();
  #fastify = new Map<string, LabelSet>();

  constructor(private readonly container: NestContainer | undefined) {}

  /** Makes the table, once the application has told Nest all that belongs to it. */
  prepare(): void {
    const { container } = this;
    if (!container) {
      return;
    }
    const { modules, globalPrefix, versioning, platform } = container;
    this.#platform = platform;
    const madeOf = JSON.stringify([modules.length, globalPrefix, versioning?.type]);
    if (madeOf !== this.#madeOf) {
      const routes = routesOf(container);
      this.#table = grouped(routes, ({ pattern }) => canonical(pattern));
      this.#groups = new RouteGroups(routes.map(({ pattern }) => pattern));
      this.#madeOf = madeOf;
      this.#everything = canonical(joined(globalPrefix, '*'));
      this.#express = new WeakMap();
      this.#fastify = new Map();
    }
  }

  /** @returns undefined where the path looks like that of no route. */
  groupOf(method: string, url: string): RouteGroup | undefined {
    return this.#groups.of(method, url);
  }

  /** The contexts that they have are of a sampler that ends. */
  forgetGroups(): void {
    this.#groups.forget();
  }

  /** @returns undefined where Express has not matched a route. */
  ofExpress(request: HttpRequest, group: RouteGroup | undefined, status?: number): LabelSet | undefined {
    const { route } = request;
    if (route === undefined) {
      return undefined;
    }
    const isPlain = status !== NOT_FOUND && request.baseUrl === '';
    const known = isPlain ? group?.labelsOf(route) : undefined;
    if (known) {
      return known;
    }
    const { labels, ifNotFound } = this.#ofExpressRoute(route, request);
    if (isPlain) {
      group?.remember(route, labels);
    }
    return status === NOT_FOUND ? ifNotFound : labels;
  }

  ofFastify(request: FastifyRequest, group: RouteGroup | undefined, url: string): LabelSet {
    const { server } = (this.#platform ?? {}) as { readonly server?: unknown };
    if (server === undefined || server !== request.server?.server) {
      return this.#labels(methodOf(request.raw.method), url, undefined);
    }
    return group?.labelsOf(url) ?? this.#ofFastifyUrl(request, group, url);
  }

  /** Of a request that has ended without a route. */
  none({ method, app }: Pick<HttpRequest, 'method' | 'app'>, status: number): LabelSet {
    const { none, unknown } = this.#withoutRoute(method);
    return app !== undefined || status === NOT_FOUND ? none : unknown;
  }

  /** Of a request that has not come to a router yet, or to one that does not tell. */
  unknown({ method }: Pick<HttpRequest, 'method'>): LabelSet {
    return this.#withoutRoute(method).unknown;
  }

  #withoutRoute(text: string): { readonly none: LabelSet; readonly unknown: LabelSet } {
    const method = methodOf(text);
    const known = this.#routeless.get(method);
    if (known) {
      return known;
    }
    const made = {
      none: { route: `${method} (no route)` },
      unknown: { route: `${method} ${ROUTE_NOT_KNOWN}` },
    };
    this.#routeless.set(method, made);
    return made;
  }

  #ofFastifyUrl(request: FastifyRequest, group: RouteGroup | undefined, url: string): LabelSet {
    const method = methodOf(request.raw.method);
    const key = `${method} ${url}`;
    const candidates = this.#fastify.has(key) ? [] : this.#candidates(method, url);
    if (candidates.length > 1) {
      const name = request.routeOptions?.handler?.name?.replace(/^bound /, '');
      const named = candidates.filter((candidate) => nameOf(candidate) === name);
      return this.#labels(method, url, commonOf(named.length > 0 ? named : candidates));
    }
    const labels = this.#fastify.get(key) ?? this.#labels(method, url, candidates[0]);
    this.#fastify.set(key, labels);
    group?.remember(url, labels);
    return labels;
  }

  #ofExpressRoute(route: ExpressRoute, request: HttpRequest): Resolved {
    const base = basePattern(request);
    const { method } = request;
    const key = base === '' ? method : `${method} ${base}`;
    let resolved = this.#express.get(route)?.get(key);
    if (!resolved) {
      resolved = this.#resolveExpressRoute(route, base, request);
      const byKey = this.#express.get(route) ?? new Map<string, Resolved>();
      this.#express.set(route, byKey.set(key, resolved));
    }
    return resolved;
  }

  #resolveExpressRoute(route: ExpressRoute, base: string, request: HttpRequest): Resolved {
    const { method } = request;
    const path = String(route.path);
    const pattern = base + path;
    const candidates = request.app === this.#platform ? this.#candidates(method, pattern) : [];
    if (candidates.length === 0 && /^\/?\*$/.test(canonical(path))) {
      // With a global prefix, Nest's own handler of what matches no route; else the application's.
      const labels = this.none(request, NOT_FOUND);
      return { labels, ifNotFound: labels };
    }
    const labels = this.#labels(method, pattern, registeredAs(route, candidates, request));
    if (candidates.length === 0 && canonical(pattern) === this.#everything) {
      // Middleware for all routes, which Nest 11 registers as one. It has let the request pass.
      return { labels, ifNotFound: this.none(request, NOT_FOUND) };
    }
    // Nest tries one after the other, and Express remembers the last.
    const isFiltered = candidates.some(({ versions, hosts }) => versions.length + hosts.length > 0);
    return { labels, ifNotFound: isFiltered ? this.#intern({ route: `${method} ${pattern}` }) : labels };
  }

  #candidates(method: string, pattern: string): readonly HandlerRoute[] {
    const all = this.#table.get(canonical(pattern)) ?? [];
    const exactly = all.filter((route) => route.method === method || route.method === 'ALL');
    return exactly.length > 0 || method !== 'HEAD' ? exactly : all.filter((route) => route.method === 'GET');
  }

  #labels(method: string, pattern: string, route: Handled | undefined): LabelSet {
    if (!route) {
      return this.#intern({ route: `${method} ${pattern}` });
    }
    const { controller, handler } = route;
    return this.#intern({
      ...(controller === undefined ? {} : { controller }),
      ...(handler === undefined ? {} : { handler }),
      route: describeRoute(method, pattern, route),
    });
  }

  /** One object for all requests of a route: samples are told apart by it. */
  #intern(labels: LabelSet): LabelSet {
    const key = JSON.stringify(labels);
    const known = this.#interned.get(key) ?? labels;
    this.#interned.set(key, known);
    return known;
  }
}

const METHODS = new Set(process.getBuiltinModule('node:http').METHODS);

/** What a client of HTTP/2 calls a method is any text. @internal */
export function methodOf(text: string): string {
  return METHODS.has(text) ? text : 'OTHER';
}

/**
 * The pattern that a router is mounted with, which Express does not keep: `baseUrl` is a part of the URL. Nest's own routes are
 * not mounted.
 */
function basePattern({ baseUrl = '', app }: HttpRequest): string {
  return baseUrl === '' || baseUrl === app?.mountpath ? baseUrl : '/*';
}

/** What those have in common that it may be: nothing is told of it that may be another's. */
function commonOf(candidates: readonly HandlerRoute[]): Handled | undefined {
  const [first] = candidates;
  if (!first) {
    return undefined;
  }
  const same = (textOf: (route: HandlerRoute) => string): boolean =>
    candidates.every((candidate) => textOf(candidate) === textOf(first));
  const { controller, handler } = first;
  const isSameController = same((route) => route.controller);
  return {
    ...(isSameController ? { controller } : {}),
    ...(isSameController && same((route) => route.handler) ? { handler } : {}),
    versions: same(({ versions }) => versions.join()) ? first.versions : [],
    hosts: same(({ hosts }) => hosts.join()) ? first.hosts : [],
  };
}

/** What Nest 12 calls the functions that it registers. */
function nameOf({ controller, handler }: HandlerRoute): string {
  return `${controller}.${handler}`;
}

/** What Nest 11 calls those of middleware, which it registers as routes where they are for one method. */
const MIDDLEWARE = new Set(['handler', 'middlewareFunction']);

/**
 * Which of those with the same pattern it is: by its name, or as they are registered in the same order, if there are as many: Nest
 * 11 gives no names, and two classes can have the same. A route of the application's own may have the pattern as well.
 */
function registeredAs(
  route: ExpressRoute,
  candidates: readonly HandlerRoute[],
  { method, app }: HttpRequest,
): Handled | undefined {
  const name = registeredName(route);
  const named = candidates.filter((candidate) => nameOf(candidate) === name);
  const common = commonOf(named);
  if (named.length > 0 && areOne(named)) {
    return common;
  }
  const pattern = canonicalOf(route);
  // What Express answers HEAD with is the route of GET, unless there is one for it.
  const asked = candidates.every((candidate) => candidate.method === 'GET') ? 'GET' : method;
  const names = new Set(candidates.map(nameOf));
  const registered = ((app?._router ?? app?.router)?.stack ?? []).flatMap(({ route: other }) =>
    other && canonicalOf(other) === pattern && other.methods?.[asked.toLowerCase()] ? [other] : [],
  );
  const hasNames = registered.some((other) => names.has(registeredName(other)));
  const ofNest = registered.filter((other) =>
    hasNames ? names.has(registeredName(other)) : !MIDDLEWARE.has(registeredName(other)),
  );
  const isInOrder =
    ofNest.length === candidates.length &&
    ofNest.every((other, index) => !hasNames || registeredName(other) === nameOf(candidates[index]!));
  return (isInOrder ? candidates[ofNest.indexOf(route)] : undefined) ?? common;
}

/** Whether they are the same method for the same requests. */
function areOne([first, ...others]: readonly HandlerRoute[]): boolean {
  const { type, handler, versions, hosts } = first!;
  return others.every(
    (other) =>
      other.type === type &&
      other.handler === handler &&
      other.versions.join() === versions.join() &&
      other.hosts.join() === hosts.join(),
  );
}

function registeredName({ stack }: ExpressRoute): string {
  return stack?.at(-1)?.handle?.name ?? '';
}

const canonicals = new WeakMap<ExpressRoute, string>();

function canonicalOf(route: ExpressRoute): string {
  const known = canonicals.get(route) ?? canonical(String(route.path));
  canonicals.set(route, known);
  return known;
}
