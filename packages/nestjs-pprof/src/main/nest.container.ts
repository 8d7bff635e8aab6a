/** The token of the container of a module. @internal */
export const NEST_CONTAINER = Symbol('nestjs-pprof container');

/** What this package reads of a class, or of a handler, that Nest has found. @internal */
export interface NestWrapper {
  readonly name?: unknown;
  readonly metatype?: unknown;
  readonly isAlias?: boolean;
}

/** @internal */
export interface NestModule {
  readonly metatype: object;
  readonly controllers: ReadonlyMap<unknown, NestWrapper>;
  readonly providers: ReadonlyMap<unknown, NestWrapper>;
}

interface Container {
  getModules(): ReadonlyMap<string, NestModule> & { readonly applicationId?: string };
  getHttpAdapterRef?(): { getInstance?(): unknown } | undefined;
  readonly applicationConfig?: {
    getGlobalPrefix(): string;
    getGlobalPrefixOptions?(): { readonly exclude?: readonly ExcludedRoute[] };
    getVersioning(): Versioning | undefined;
  };
}

/** @internal */
export interface Versioning {
  /** Of Nest's `VersioningType`. */
  readonly type: number;
  readonly prefix?: string | false;
  readonly defaultVersion?: unknown;
}

/** A route that the global prefix is not for. @internal */
export interface ExcludedRoute {
  readonly pathRegex?: RegExp;
  /** Of Nest's `RequestMethod`. */
  readonly requestMethod?: number;
}

/** The modules of an application, as Nest's container has them. @internal */
export class NestContainer {
  constructor(private readonly container: Container) {}

  get modules(): readonly NestModule[] {
    return [...this.container.getModules().values()];
  }

  get applicationId(): string {
    return this.container.getModules().applicationId ?? '';
  }

  /** Express's or Fastify's application, by which its requests are told from those of another in the process. */
  get platform(): unknown {
    return this.container.getHttpAdapterRef?.()?.getInstance?.();
  }

  get globalPrefix(): string {
    return this.container.applicationConfig?.getGlobalPrefix() ?? '';
  }

  get excludedFromPrefix(): readonly ExcludedRoute[] {
    return this.container.applicationConfig?.getGlobalPrefixOptions?.().exclude ?? [];
  }

  get versioning(): Versioning | undefined {
    return this.container.applicationConfig?.getVersioning();
  }
}

/**
 * Gets the container without `@nestjs/core`: there may be several copies of it, and none that can be found, as in a bundle. Nest
 * calls the factory of a provider as a method of the wrapper that it keeps of that, which knows its module, which knows the
 * container.
 * https://github.com/nestjs/nest/blob/master/packages/core/injector/injector.ts (`instantiateClass`)
 *
 * @param wrapper `this` of such a factory
 * @returns undefined where Nest has changed: there is no table of its routes then.
 */
function containerOf(wrapper: unknown): NestContainer | undefined {
  const { host } = (wrapper ?? {}) as { readonly host?: { readonly container?: Partial<Container> } };
  const container = host?.container;
  return typeof container?.getModules === 'function' ? new NestContainer(container as Container) : undefined;
}

/** Of the module that it is a provider of. @internal */
export const containerProvider = {
  provide: NEST_CONTAINER,
  useFactory(this: unknown): { readonly container: NestContainer | undefined } {
    return { container: containerOf(this) };
  },
};
