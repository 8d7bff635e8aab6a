import type { HandlerClass, LabelSet } from '../shared/agent.protocol.js';
import { tried } from '../shared/pprof.error.js';
import type { NestContainer } from './nest.container.js';
import { describeRoute, grouped, metadata, metadataKeys, methodsOf, routesOf } from './nest.routes.js';
import { labelled, type Method } from './label.sets.js';

/** A method that Nest, or one of its modules, calls when something comes in. */
interface NestHandler {
  readonly type: ClassType;
  readonly method: string;
  readonly labels: LabelSet;
  /** Whether what calls it tells of that: HTTP. */
  readonly isTold: boolean;
}

// oxlint-disable-next-line typescript/no-unsafe-function-type -- Any class.
type ClassType = Function;

type LabelsOf = (
  found: unknown,
  of: { readonly type: ClassType; readonly name: string; readonly method: object },
) => LabelSet;

/** What resolves a field of a type: `@nestjs/graphql` keeps the type's name with the class. */
const ofField: LabelsOf = (_, { type, name, method }) => ({
  resolver: type.name,
  operation: `${textOf(metadata('graphql:resolver_name', type) ?? type.name)}.${textOf(metadata('graphql:resolver_name', method) ?? name)}`,
});

const TRANSPORTS = ['TCP', 'REDIS', 'NATS', 'MQTT', 'GRPC', 'RMQ', 'KAFKA'];

/** What decorators leave on a method, by the key under which they do: the modules themselves are not needed for that. */
const OF_METHODS: ReadonlyMap<unknown, LabelsOf> = new Map(
  Object.entries<LabelsOf>({
    'microservices:pattern': (pattern, { type, method }) => ({
      controller: type.name,
      pattern: textOf(pattern),
      ...transportOf(metadata('microservices:transport', method)),
    }),
    'websockets:message_mapping': (_, { type, method }) => ({
      gateway: type.name,
      event: textOf(metadata('message', method)),
    }),
    'graphql:resolver_type': (kind, { type, name, method }) => ({
      resolver: type.name,
      operation: `${textOf(kind)}.${textOf(metadata('graphql:resolver_name', method) ?? name)}`,
    }),
    'graphql:resolve_property': ofField,
    'graphql:resolve_reference': (_, of) => ofField(true, { ...of, name: '__resolveReference' }),
    SCHEDULER_TYPE: (_, { type, name, method }) => ({
      provider: type.name,
      job: textOf(metadata('SCHEDULER_NAME', method) ?? `${type.name}.${name}`),
    }),
    EVENT_LISTENER_METADATA: (listeners, { type }) => ({
      provider: type.name,
      event: listOf(listeners)
        .map((listener) => textOf((listener as { readonly event?: unknown }).event))
        .join(', '),
    }),
    'bull:module_queue_process': (_, { type }) => ({
      provider: type.name,
      queue: nameIn(metadata('bull:module_queue', type) ?? { name: '' }),
    }),
  }),
);

const ofProvider: LabelsOf = (_, { type }) => ({ provider: type.name });
const ofCommand: LabelsOf = (command, { type }) => ({ provider: type.name, command: nameIn(command) });

/** The same for classes, with the method that is called. */
const OF_CLASSES: Readonly<Record<string, readonly [method: string, labelsOf: LabelsOf]>> = {
  'bullmq:processor_metadata': [
    'process',
    (processor, { type }) => ({ provider: type.name, queue: nameIn(processor) }),
  ],
  'CommandBuilder:Command:Meta': ['run', ofCommand],
  'CommandBuilder:Subcommand:Meta': ['run', ofCommand],
  __commandHandler__: ['execute', ofProvider],
  __queryHandler__: ['execute', ofProvider],
  __eventsHandler__: ['handle', ofProvider],
};

/** All that discovery finds in the modules of an application. */
function handlersOf(container: NestContainer): NestHandler[] {
  const types = new Set(
    container.modules.flatMap(({ controllers, providers }) =>
      [...controllers.values(), ...providers.values()].flatMap(({ metatype, isAlias }) =>
        typeof metatype === 'function' && isAlias !== true ? [metatype] : [],
      ),
    ),
  );
  return [...httpHandlersOf(container), ...[...types].flatMap(othersOf)];
}

function httpHandlersOf(container: NestContainer): NestHandler[] {
  // Two classes can have the same name.
  const ofClasses = grouped(routesOf(container), ({ type }) => type).values();
  const ofHandlers = [...ofClasses].flatMap((routes) => [
    ...grouped(routes, ({ handler }) => handler).values(),
  ]);
  return ofHandlers.map((routes) => {
    const { type, controller, handler, method, pattern } = routes[0]!;
    // Of several the stack does not show which.
    const route = routes.length === 1 ? { route: describeRoute(method, pattern, routes[0]!) } : {};
    return { type, method: handler, labels: { controller, handler, ...route }, isTold: true };
  });
}

function othersOf(type: ClassType): NestHandler[] {
  const methods = methodsOf(type);
  // Of tens of thousands of methods, at the start of the application, few have any metadata.
  const ofMethods = methods.flatMap(([name, method]) =>
    metadataKeys(method).flatMap((key) => {
      const labelsOf = OF_METHODS.get(key);
      const found = labelsOf && metadata(key, method);
      return found === undefined ? [] : [handlerOf(name, method, found, labelsOf!)];
    }),
  );
  const ofClass = Object.entries(OF_CLASSES).flatMap(([key, [name, labelsOf]]) => {
    const found = metadata(key, type);
    const method = methods.find(([other]) => other === name)?.[1];
    return found === undefined || !method ? [] : [handlerOf(name, method, found, labelsOf)];
  });
  return [...ofMethods, ...ofClass];

  function handlerOf(name: string, method: object, found: unknown, labelsOf: LabelsOf): NestHandler {
    return {
      type,
      method: name,
      labels: { ...labelsOf(found, { type, name, method }), handler: name },
      isTold: false,
    };
  }
}

/**
 * Where in the text of its class each handler is, so that it can be told in a stack by file and line. Of the text itself no
 * more than its length is handed on.
 *
 * @internal
 */
export function handlerClassesOf(container: NestContainer): HandlerClass[] {
  // Metadata that nobody has expected: no stack is labelled, and the application starts as it would.
  return tried(() => classesOf(container)) ?? [];
}

function classesOf(container: NestContainer): HandlerClass[] {
  return [...grouped(handlersOf(container), declaringClass)].flatMap(([type, ofClass]) => {
    const text = sourceOf(type);
    const handlers = [...grouped(ofClass, ({ method }) => method)].flatMap(([name, [handler, another]]) => {
      const offset = offsetIn(text, name, (type.prototype as Record<string, unknown>)[name]);
      // Inherited by several classes: which of them it is, the stack does not show.
      const labels = another ? { handler: name } : handler!.labels;
      return offset === -1 ? [] : [{ name, offset, labels }];
    });
    return handlers.length === 0 ? [] : [{ name: type.name, length: text.length, handlers }];
  });
}

/** What is wrapped already, by whichever application. */
const wrapped = new WeakSet<object>();

/**
 * Has the handlers that nobody tells of when they are called label what they do. To be called before any of Nest's modules has
 * looked for its handlers.
 *
 * @internal
 */
export function labelUntoldHandlers(container: NestContainer): void {
  for (const { type, method: name, labels, isTold } of handlersOf(container)) {
    const prototype = type.prototype as Record<string, Method>;
    const method = prototype[name]!;
    if (!isTold && !wrapped.has(method)) {
      const wrapper = labelled(method, labels);
      wrapped.add(wrapper);
      // Its own, where it is inherited: others that inherit it have other labels.
      Object.defineProperty(prototype, name, { value: wrapper, writable: true, configurable: true });
    }
  }
}

function declaringClass({ type, method }: NestHandler): ClassType {
  for (let at: ClassType = type; typeof at === 'function'; at = Object.getPrototypeOf(at) as ClassType) {
    if (Object.hasOwn((at.prototype ?? {}) as object, method)) {
      return at;
    }
  }
  return type;
}

/** A method that a decorator has replaced is still in the text of its class. */
function offsetIn(text: string, name: string, method: unknown): number {
  const found = typeof method === 'function' ? text.indexOf(sourceOf(method)) : -1;
  if (found !== -1) {
    return found;
  }
  const escaped = name.replace(/[$^*+?.()[\]{}|\\]/g, String.raw`\$&`);
  return text.search(new RegExp(`(?<![\\w$.#])${escaped}\\s*\\(`));
}

function sourceOf(code: ClassType): string {
  return Function.prototype.toString.call(code);
}

function transportOf(transport: unknown): LabelSet {
  const name = typeof transport === 'number' ? TRANSPORTS[transport] : undefined;
  return name === undefined ? {} : { transport: name };
}

function nameIn(value: unknown): string {
  return textOf((value as { readonly name?: unknown }).name);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [value];
}

/** Of what decorators take: names, symbols, objects such as `{ cmd: 'sum' }`, and lists of these. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) {
    return value.map(textOf).join(', ');
  }
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
