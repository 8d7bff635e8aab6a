import { RequestMethod, VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import type { NestContainer, NestWrapper } from './nest.container.js';

/** A method of a controller, and what of a request decides whether it is the one that handles it. @internal */
export interface HandlerRoute {
  // oxlint-disable-next-line typescript/no-unsafe-function-type -- Any class.
  readonly type: Function;
  readonly controller: string;
  readonly handler: string;
  /** With all that comes before: prefix, version, path of the module. */
  readonly pattern: string;
  /** `ALL` for any. */
  readonly method: string;
  /** Where the version is not in the path. */
  readonly versions: readonly string[];
  readonly hosts: readonly string[];
}

/** What a route is called: that which a request needs for it is a part of it. @internal */
export function describeRoute(
  method: string,
  pattern: string,
  { versions, hosts }: Pick<HandlerRoute, 'versions' | 'hosts'>,
): string {
  const version = versions.length > 0 ? ` (version ${versions.join(', ')})` : '';
  const host = hosts.length > 0 ? ` (host ${hosts.join(', ')})` : '';
  return `${method} ${pattern}${version}${host}`;
}

/** What Nest keeps of decorators, the same in Nest 11 and 12: `@nestjs/common/constants`. */
const KEYS = {
  path: 'path',
  method: 'method',
  host: 'host',
  version: '__version__',
  modulePath: '__module_path__',
};

/** The routes of all controllers, in the order in which Nest registers them. @internal */
export function routesOf(container: NestContainer): HandlerRoute[] {
  const { modules, applicationId } = container;
  return modules.flatMap(({ metatype, controllers }) => {
    const modulePath =
      metadata(KEYS.modulePath + applicationId, metatype) ?? metadata(KEYS.modulePath, metatype);
    return [...controllers.values()].flatMap((wrapper) =>
      routesOfController(wrapper, textsOf(modulePath)[0] ?? '', container),
    );
  });
}

function routesOfController(
  { metatype }: NestWrapper,
  modulePath: string,
  { globalPrefix, excludedFromPrefix, versioning }: NestContainer,
): HandlerRoute[] {
  if (typeof metatype !== 'function') {
    return [];
  }
  const hosts = textsOf(metadata(KEYS.host, metatype));
  const ofController = versioning && (metadata(KEYS.version, metatype) ?? versioning.defaultVersion);
  const methods = methodsOf(metatype);
  return textsOf(metadata(KEYS.path, metatype)).flatMap((controllerPath) =>
    methods.flatMap(([handler, method]): HandlerRoute[] => {
      const number = metadata(KEYS.method, method);
      const paths = textsOf(metadata(KEYS.path, method));
      if (typeof number !== 'number') {
        return [];
      }
      const versions = versioning ? versionsOf(metadata(KEYS.version, method) ?? ofController) : [];
      const isInPath = versioning?.type === VersioningType.URI && versions.length > 0;
      const prefixes = isInPath ? versions.map((version) => versionPrefix(version, versioning)) : [''];
      return paths.flatMap((path) => {
        const withoutVersion = joined(modulePath, controllerPath, path);
        const isExcluded = excludedFromPrefix.some(
          ({ requestMethod, pathRegex }) =>
            [number, RequestMethod.ALL, -1].includes(requestMethod ?? -1) &&
            pathRegex?.test(withoutVersion) === true,
        );
        return prefixes.map((prefix) => ({
          type: metatype,
          controller: metatype.name,
          handler,
          pattern: joined(isExcluded ? '' : globalPrefix, prefix, withoutVersion),
          method: RequestMethod[number] ?? '',
          versions: isInPath ? [] : versions.filter((version) => version !== NEUTRAL),
          hosts,
        }));
      });
    }),
  );
}

/** The methods of a class and of those that it extends. @internal */
export function methodsOf(type: { readonly prototype?: unknown }): Array<readonly [string, object]> {
  const methods = new Map<string, object>();
  for (
    let at: unknown = type.prototype;
    typeof at === 'object' && at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const value: unknown = Object.getOwnPropertyDescriptor(at, name)?.value;
      if (typeof value === 'function' && name !== 'constructor' && !methods.has(name)) {
        methods.set(name, value);
      }
    }
  }
  return [...methods];
}

/** @internal */
export function grouped<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) {
      group.push(item);
    } else {
      groups.set(key, [item]);
    }
  }
  return groups;
}

/** @internal */
export function metadata(key: unknown, of: object): unknown {
  const { getMetadata } = Reflect as { getMetadata?(key: unknown, of: object): unknown };
  return getMetadata?.(key, of);
}

/** @internal */
export function metadataKeys(of: object): readonly unknown[] {
  const { getOwnMetadataKeys } = Reflect as { getOwnMetadataKeys?(of: object): readonly unknown[] };
  return getOwnMetadataKeys?.(of) ?? [];
}

const NEUTRAL = '';

function versionsOf(version: unknown): string[] {
  const versions = Array.isArray(version) ? (version as unknown[]) : version === undefined ? [] : [version];
  return versions.map((each) => (each === VERSION_NEUTRAL ? NEUTRAL : String(each)));
}

function versionPrefix(version: string, { prefix = 'v' }: { readonly prefix?: string | false }): string {
  return version === NEUTRAL ? '' : `${prefix === false ? '' : prefix}${version}`;
}

function textsOf(value: unknown): string[] {
  const values: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return values.map(String);
}

/** With one slash between each. @internal */
export function joined(...parts: readonly string[]): string {
  const path = parts
    .map((part) => part.replace(/^\/+|\/+$/g, ''))
    .filter((part) => part !== '')
    .join('/');
  return `/${path}`;
}

/**
 * The form of a pattern in which the ways to write a wildcard are the same: Nest, Express and Fastify each have their own, and
 * rewrite that of the others.
 *
 * @internal
 */
export function canonical(pattern: string): string {
  const path = pattern
    .replace(/\/?\{\/?\*\w*\}|\*\w*|\(\.\*\)|(?<=\/)\+/g, (found) => (found.startsWith('/') ? '/*' : '*'))
    .replace(/(?<=.)\/+$/, '');
  return path.toLowerCase();
}
