import type { LabelSet } from '../shared/agent.protocol.js';
import type { Holder } from './label.frames.js';
import { LabelContext } from './label.sets.js';

/**
 * The context of one request or of several, each of which tells its labels when it ends. Where they do not tell the same, the
 * context has those of a route that is not known: no sample is under a route that it may not have been taken for.
 *
 * @internal
 */
export class RequestContext extends LabelContext {
  #ended: LabelSet | undefined;
  #isMixed = false;

  constructor() {
    super(undefined);
  }

  /** What the request turns out to be is told later. */
  override within(labels: Readonly<Record<string, unknown>>): LabelContext {
    return new LabelContext(this, { ...labels });
  }

  /** @returns whether it tells what those before it have told. */
  end(labels: LabelSet): boolean {
    this.#ended ??= labels;
    this.labels = this.#ended;
    return this.#isMixed || this.#ended === labels;
  }

  /** They do not tell the same. */
  mix(unknown: LabelSet): void {
    this.#isMixed = true;
    this.#ended = unknown;
    this.labels = unknown;
  }

  /** To what those tell that have ended. Those that have not are added then. */
  reset(): void {
    this.labels = this.#ended;
  }

  add(labels: LabelSet, unknown: LabelSet): void {
    this.labels = this.labels === undefined || this.labels === labels ? labels : unknown;
  }
}

/** Requests apart, after the first time that those of a group had different routes; then twice as many each time. */
const LEAST_APART = 16;
const MOST_APART = 65_536;

/**
 * Requests that are likely to have the same route: those that begin between two samples share one context. What that is labelled
 * with is not decided here, but by the routes that all of them turn out to have.
 *
 * @internal
 */
export class RouteGroup {
  #context: RequestContext | undefined;
  #holder: Holder | undefined;
  #server: unknown;
  #route: unknown;
  #labels: LabelSet | undefined;
  #sample = 0;
  #apart = 0;
  #nextApart = LEAST_APART;

  get context(): RequestContext | undefined {
    return this.#context;
  }

  /** @returns what enters the context of those that began before, where the next request is one of them. */
  holderFor(server: unknown, sample: number): Holder | undefined {
    if (this.#apart > 0) {
      this.#apart--;
      return undefined;
    }
    return this.#sample === sample && this.#server === server ? this.#holder : undefined;
  }

  begin(context: RequestContext, holder: Holder | undefined, server: unknown, sample: number): void {
    this.#context = context;
    this.#holder = holder;
    this.#server = server;
    this.#sample = sample;
  }

  /** They do not have the same route: a middleware has answered, a header tells the version, another server has such URLs. */
  separate(): void {
    this.#apart = this.#nextApart;
    this.#nextApart = Math.min(2 * this.#nextApart, MOST_APART);
  }

  /** Of the route that the last one had. */
  labelsOf(route: unknown): LabelSet | undefined {
    return this.#route === route ? this.#labels : undefined;
  }

  remember(route: unknown, labels: LabelSet): void {
    this.#route = route;
    this.#labels = labels;
  }

  /** Another sampler does not know the holder. */
  forget(): void {
    this.#context = undefined;
    this.#holder = undefined;
    this.#server = undefined;
  }
}

interface Segment {
  readonly children: Map<string, Segment>;
  /** Of a segment that can be anything. */
  parameter?: Segment;
  /** Of all that comes, however long it is. */
  wildcard?: Segment;
  /** By method, where a pattern ends. */
  readonly groups: Map<string, RouteGroup>;
  isEnd: boolean;
}

/** The patterns of Nest's routes as a tree of their segments. @internal */
export class RouteGroups {
  readonly #root = segment();
  readonly #all: RouteGroup[] = [];

  constructor(patterns: Iterable<string>) {
    for (const pattern of patterns) {
      this.#add(pattern.split('/').filter((part) => part !== ''));
    }
  }

  /** @returns undefined for what looks like none of the patterns. */
  of(method: string, url: string): RouteGroup | undefined {
    const end = this.#endOf(url);
    return end && (end.groups.get(method) ?? this.#make(end, method));
  }

  forget(): void {
    for (const group of this.#all) {
      group.forget();
    }
  }

  #endOf(url: string): Segment | undefined {
    const query = url.indexOf('?');
    const end = query === -1 ? url.length : query;
    let at = this.#root;
    let { wildcard } = at;
    for (let from = 1; from < end;) {
      const slash = url.indexOf('/', from);
      const to = slash === -1 || slash > end ? end : slash;
      const next =
        (at.children.size === 0 ? undefined : at.children.get(url.slice(from, to))) ?? at.parameter;
      if (next === undefined) {
        return wildcard;
      }
      at = next;
      wildcard = at.wildcard ?? wildcard;
      from = to + 1;
    }
    return at.isEnd ? at : wildcard;
  }

  #make({ groups }: Segment, method: string): RouteGroup {
    const made = new RouteGroup();
    groups.set(method, made);
    this.#all.push(made);
    return made;
  }

  #add(parts: readonly string[]): void {
    let at = this.#root;
    for (const part of parts) {
      if (part.includes('*')) {
        at.wildcard ??= segment();
        return;
      }
      if (/^[\w.~-]+$/.test(part)) {
        const next = at.children.get(part) ?? segment();
        at.children.set(part, next);
        at = next;
      } else {
        at.parameter ??= segment();
        at = at.parameter;
      }
    }
    at.isEnd = true;
  }
}

function segment(): Segment {
  return { children: new Map(), groups: new Map(), isEnd: false };
}
