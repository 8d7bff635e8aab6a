import { EventEmitter, once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request as httpRequest } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { channel } from 'node:diagnostics_channel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  Controller,
  Delete,
  Get,
  All,
  type INestApplication,
  Module,
  NotFoundException,
  Post,
  Version,
  VERSION_NEUTRAL,
  type VersioningOptions,
  VersioningType,
} from '@nestjs/common';
import { NestFactory, RouterModule } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LabelContext } from './label.sets.js';
import { containerProvider, NEST_CONTAINER, type NestContainer } from './nest.container.js';
import { RequestLabels } from './request.labels.js';
import { RouteLabels } from './route.labels.js';

abstract class CrudController {
  @Get(':id')
  one(): string {
    return 'one';
  }

  @Get(['', 'all'])
  list(): string {
    return 'list';
  }
}

@Controller('cats')
class CatsController extends CrudController {
  @Post()
  create(): string {
    return 'created';
  }

  @Delete(':id')
  missing(): never {
    throw new NotFoundException();
  }

  @Get('files/*path')
  files(): string {
    return 'file';
  }
}

@Controller(['dogs', 'hounds'])
class DogsController extends CrudController {
  @All('any')
  any(): string {
    return 'any';
  }
}

@Controller({ path: 'versioned', version: '1' })
class FirstController {
  @Get()
  get(): string {
    return '1';
  }
}

@Controller({ path: 'versioned', version: ['2', '3'] })
class SecondController {
  @Get()
  get(): string {
    return '2';
  }

  @Version(VERSION_NEUTRAL)
  @Get('neutral')
  neutral(): string {
    return 'neutral';
  }
}

@Controller({ path: 'hosted', host: 'a.example.com' })
class HostController {
  @Get()
  get(): string {
    return 'a';
  }
}

@Controller({ path: 'hosted', host: ':name.example.org' })
class OtherHostController {
  @Get()
  get(): string {
    return 'b';
  }
}

@Controller('deep')
class DeepController {
  @Get('here')
  here(): string {
    return 'here';
  }
}

@Module({ controllers: [DeepController] })
class DeepModule {}

@Module({
  imports: [DeepModule, RouterModule.register([{ path: 'module', module: DeepModule }])],
  controllers: [
    CatsController,
    DogsController,
    FirstController,
    SecondController,
    HostController,
    OtherHostController,
  ],
  providers: [containerProvider],
})
class AppModule {}

/** In the place of the addon: what each request has been given. */
const contexts: LabelContext[] = [];
const frames = {
  sampleCount: 0,
  enter(context: LabelContext): object {
    contexts.push(context);
    return context;
  },
  enterAgain(holder: object): void {
    contexts.push(holder as LabelContext);
  },
};

let app: INestApplication;
let labels: RequestLabels;

async function start(
  configure: (app: INestApplication) => void = () => undefined,
  module: new () => object = AppModule,
): Promise<void> {
  app = await NestFactory.create(module, new ExpressAdapter(), { logger: false });
  configure(app);
  await app.listen(0, '127.0.0.1');
  const { container } = app.get<{ container: NestContainer }>(NEST_CONTAINER);
  labels = new RequestLabels(new RouteLabels(container));
  labels.start(frames);
}

beforeEach(() => {
  contexts.length = 0;
});

afterEach(async () => {
  labels.stop();
  await app.close();
});

/** @returns the labels of the request, once it has ended. */
async function ask(path: string, method?: string, headers?: Record<string, string>): Promise<unknown> {
  frames.sampleCount++;
  await send(path, method, headers);
  return contexts.pop()!.labels;
}

async function send(
  path: string,
  method = 'GET',
  headers: Record<string, string> = {},
  agent: Agent | false = false,
): Promise<void> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  await new Promise<void>((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent });
    request.on('response', (response) => response.resume().on('close', resolve));
    request.on('error', reject).end();
  });
}

async function collect(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    await new Promise(setImmediate);
    gc();
  }
}

describe('the labels of a request', () => {
  it.each([
    ['GET', '/cats/17', 'GET /cats/:id', 'CatsController', 'one'],
    ['GET', '/cats/17?token=secret', 'GET /cats/:id', 'CatsController', 'one'],
    ['GET', '/cats', 'GET /cats', 'CatsController', 'list'],
    ['GET', '/cats/all', 'GET /cats/:id', 'CatsController', 'one'],
    ['HEAD', '/cats', 'HEAD /cats', 'CatsController', 'list'],
    ['POST', '/cats', 'POST /cats', 'CatsController', 'create'],
    ['DELETE', '/cats/17', 'DELETE /cats/:id', 'CatsController', 'missing'],
    ['GET', '/cats/files/a/b', 'GET /cats/files/*path', 'CatsController', 'files'],
    ['GET', '/dogs', 'GET /dogs', 'DogsController', 'list'],
    ['GET', '/hounds', 'GET /hounds', 'DogsController', 'list'],
    ['PUT', '/dogs/any', 'PUT /dogs/any', 'DogsController', 'any'],
    ['GET', '/module/deep/here', 'GET /module/deep/here', 'DeepController', 'here'],
  ])('%s %s is of %s', async (method, path, route, controller, handler) => {
    await start();
    expect(await ask(path, method)).toEqual({ route, controller, handler });
  });

  it.each(['/none', '/cats/1/2', '/?a=b', '/%2e'])('of %s say that it has no route', async (path) => {
    await start();
    expect(await ask(path)).toEqual({ route: 'GET (no route)' });
  });

  it('are one object for all requests of a route', async () => {
    await start();
    expect(await ask('/cats/1')).toBe(await ask('/cats/2'));
  });

  it('have the global prefix, where it is not excluded, and no route for what only has the prefix', async () => {
    await start((created) => created.setGlobalPrefix('api', { exclude: ['cats/files/*path'] }));
    expect(await ask('/api/cats/1')).toMatchObject({ route: 'GET /api/cats/:id', handler: 'one' });
    expect(await ask('/api/module/deep/here')).toMatchObject({ route: 'GET /api/module/deep/here' });
    expect(await ask('/cats/files/a')).toMatchObject({ route: 'GET /cats/files/*path', handler: 'files' });
    expect(await ask('/api/none')).toEqual({ route: 'GET (no route)' });
    expect(await ask('/cats/1')).toEqual({ route: 'GET (no route)' });
  });

  it('have the version that is in the path', async () => {
    await start((created) => created.enableVersioning({ type: VersioningType.URI }));
    expect(await ask('/v1/versioned')).toMatchObject({
      route: 'GET /v1/versioned',
      controller: 'FirstController',
    });
    expect(await ask('/v3/versioned')).toMatchObject({
      route: 'GET /v3/versioned',
      controller: 'SecondController',
    });
    expect(await ask('/versioned/neutral')).toMatchObject({ handler: 'neutral' });
  });

  it.each<[string, VersioningOptions, (version: string) => Record<string, string>]>([
    [
      'a header',
      { type: VersioningType.HEADER, header: 'X-Version' },
      (version) => ({ 'x-version': version }),
    ],
    [
      'the media type',
      { type: VersioningType.MEDIA_TYPE, key: 'v=' },
      (version) => ({ accept: `application/json;v=${version}` }),
    ],
    [
      'a function',
      {
        type: VersioningType.CUSTOM,
        extractor: (request) => (request as { headers: Record<string, string> }).headers.custom ?? '',
      },
      (version) => ({ custom: version }),
    ],
  ])('tell versions by %s apart', async (_, versioning, headers) => {
    await start((created) => created.enableVersioning(versioning));
    expect(await ask('/versioned', 'GET', headers('1'))).toEqual({
      route: 'GET /versioned (version 1)',
      controller: 'FirstController',
      handler: 'get',
    });
    expect(await ask('/versioned', 'GET', headers('3'))).toEqual({
      route: 'GET /versioned (version 2, 3)',
      controller: 'SecondController',
      handler: 'get',
    });
    // Express remembers the last that it has tried.
    expect(await ask('/versioned', 'GET', headers('4'))).toEqual({ route: 'GET /versioned' });
  });

  it('tell controllers of hosts apart, by the pattern of the host', async () => {
    await start();
    expect(await ask('/hosted', 'GET', { host: 'a.example.com' })).toEqual({
      route: 'GET /hosted (host a.example.com)',
      controller: 'HostController',
      handler: 'get',
    });
    expect(await ask('/hosted', 'GET', { host: 'secret.example.org' })).toEqual({
      route: 'GET /hosted (host :name.example.org)',
      controller: 'OtherHostController',
      handler: 'get',
    });
    expect(await ask('/hosted', 'GET', { host: 'c.example.net' })).toEqual({ route: 'GET /hosted' });
  });

  it('of a route of the application’s own are its pattern', async () => {
    await start((created) => ownApp(created).get('/own/:id', (_, response) => response.end('own')));
    expect(await ask('/own/secret')).toEqual({ route: 'GET /own/:id' });
  });
});

type OwnRoute = (
  path: string,
  handler: (request: { url: string }, response: OwnResponse, next: () => void) => void,
) => void;

interface OwnApp {
  readonly get: OwnRoute;
  readonly all: OwnRoute;
}

interface OwnResponse {
  end(text?: string): void;
  status(status: number): OwnResponse;
}

function ownApp(of: INestApplication): OwnApp {
  return (of.getHttpAdapter() as unknown as { instance: OwnApp }).instance;
}

describe('where it may be another’s', () => {
  function sameName(options: object): new () => object {
    @Controller(options)
    class SameController {
      @Get(':id')
      get(): string {
        return 'same';
      }
    }
    return SameController;
  }

  async function startWith(
    controllers: ReadonlyArray<new () => object>,
    configure: (created: INestApplication) => void = () => undefined,
  ): Promise<void> {
    @Module({ controllers: [...controllers], providers: [containerProvider] })
    class SameModule {}
    await start(configure, SameModule);
  }

  /** As Nest 11 registers them. */
  function withoutNames(): void {
    const { router } = ownApp(app) as unknown as {
      router: { stack: { route?: { stack: { handle: object }[] } }[] };
    };
    for (const { route } of router.stack) {
      for (const { handle } of route?.stack ?? []) {
        Object.defineProperty(handle, 'name', { value: '' });
      }
    }
  }

  const byHeader = (created: INestApplication) =>
    created.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version' });

  it.each(['with', 'without'])(
    'two classes with one name are told apart by their order, %s names',
    async (how) => {
      await startWith(
        [sameName({ path: 'same', version: '1' }), sameName({ path: 'same', version: '2' })],
        byHeader,
      );
      if (how === 'without') {
        withoutNames();
      }
      for (const version of ['2', '1']) {
        expect(await ask('/same/1', 'GET', { 'x-version': version })).toEqual({
          route: `GET /same/:id (version ${version})`,
          controller: 'SameController',
          handler: 'get',
        });
      }
    },
  );

  it('two classes with one name have neither version nor host where their order does not tell', async () => {
    await startWith(
      [
        sameName({ path: 'same', version: '1', host: '127.0.0.1' }),
        sameName({ path: 'same', version: '2', host: '127.0.0.1' }),
      ],
      byHeader,
    );
    const { router } = ownApp(app) as unknown as { router: { stack: { route?: { path: string } }[] } };
    const first = router.stack.find(({ route }) => route?.path === '/same/:id')!;
    router.stack.push(first);
    expect(await ask('/same/1', 'GET', { 'x-version': '2' })).toEqual({
      route: 'GET /same/:id (host 127.0.0.1)',
      controller: 'SameController',
      handler: 'get',
    });
  });

  it.each(['with', 'without'])(
    'a route of the application’s own before Nest’s has no handler, %s names',
    async (how) => {
      await start((created) =>
        ownApp(created).get('/cats/:id', ({ url }: { url: string }, response, next) =>
          url.endsWith('own') ? response.end() : next(),
        ),
      );
      if (how === 'without') {
        withoutNames();
      }
      expect(await ask('/cats/own')).toEqual({ route: 'GET /cats/:id' });
      expect(await ask('/cats/1')).toEqual(
        how === 'with'
          ? { route: 'GET /cats/:id', controller: 'CatsController', handler: 'one' }
          : { route: 'GET /cats/:id' },
      );
    },
  );

  it('one that answers 404 itself keeps its pattern', async () => {
    await start((created) => ownApp(created).get('/own/:id', (_, response) => response.status(404).end()));
    expect(await ask('/own/secret')).toEqual({ route: 'GET /own/:id' });
  });

  it('one of all that has the global prefix is none where it answers 404: middleware of Nest 11 is one', async () => {
    await start((created) => {
      created.setGlobalPrefix('api');
      ownApp(created).all('/api/{*all}', ({ url }, response, next) =>
        url === '/api/cats/1' ? next() : response.status(url === '/api/none' ? 404 : 200).end(),
      );
    });
    expect(await ask('/api/none')).toEqual({ route: 'GET (no route)' });
    expect(await ask('/api/answered')).toEqual({ route: 'GET /api/{*all}' });
    expect(await ask('/api/cats/1')).toMatchObject({ route: 'GET /api/cats/:id', handler: 'one' });
  });

  it('another application in the process has its patterns alone', async () => {
    await start();
    @Controller('cats')
    class OtherController {
      @Get(':id')
      purge(): string {
        return 'purged';
      }
    }
    @Module({ controllers: [OtherController] })
    class OtherModule {}
    const other = await NestFactory.create(OtherModule, new ExpressAdapter(), { logger: false });
    await other.listen(0, '127.0.0.1');
    const own = app;
    try {
      expect(await ask('/cats/1')).toMatchObject({ controller: 'CatsController' });
      app = other;
      expect(await ask('/cats/1')).toEqual({ route: 'GET /cats/:id' });
    } finally {
      app = own;
      await other.close();
    }
    expect(await ask('/cats/1')).toMatchObject({ controller: 'CatsController' });
  });

  it('on Fastify as well', async () => {
    await start();
    const { container } = app.get<{ container: NestContainer }>(NEST_CONTAINER);
    const server = {};
    const routes = new RouteLabels(
      Object.create(container, { platform: { value: { server } } }) as NestContainer,
    );
    routes.prepare();
    const group = routes.groupOf('GET', '/cats/1');
    const socket = { destroyed: false };
    const of = (own: object) =>
      routes.ofFastify(
        { raw: { method: 'GET', url: '/cats/1', socket }, server: { server: own } },
        group,
        '/cats/:id',
      );
    expect(of(server)).toMatchObject({ controller: 'CatsController' });
    expect(of({})).toEqual({ route: 'GET /cats/:id' });
    expect(of(server)).toMatchObject({ controller: 'CatsController' });
  });
});

describe('with an Express that does not let its router be read', () => {
  /** As Express 4, which Nest 10 has: it keeps its router elsewhere. */
  function hideRouter(created: INestApplication, isKept: boolean): void {
    const express = created.getHttpAdapter().getInstance() as { handle(...args: unknown[]): unknown };
    const { handle, router } = express as typeof express & { readonly router: object };
    let isHandling = false;
    Object.defineProperty(express, 'router', {
      get: () => {
        if (isHandling) {
          return router;
        }
        throw new Error("'app.router' is deprecated!");
      },
    });
    Object.assign(express, isKept && { _router: router });
    express.handle = (...args) => {
      isHandling = true;
      try {
        return handle.apply(express, args);
      } finally {
        isHandling = false;
      }
    };
  }

  /** Names of handlers are of Nest 12: before it, the order of the routes tells. */
  const withoutNames = (created: INestApplication) => {
    const { stack } = (
      created.getHttpAdapter().getInstance() as {
        router: { stack: Array<{ route?: { stack: Array<{ handle: object }> } }> };
      }
    ).router;
    for (const { handle } of stack.flatMap(({ route }) => route?.stack ?? [])) {
      Object.defineProperty(handle, 'name', { value: '' });
    }
  };

  it('knows the routes by where Express 4 has it', async () => {
    await start();
    withoutNames(app);
    hideRouter(app, true);
    expect(await ask('/cats/1')).toEqual({
      route: 'GET /cats/:id',
      controller: 'CatsController',
      handler: 'one',
    });
  });

  it('says that it does not know them elsewhere; requests end, and those under way are settled', async () => {
    const requests: WeakRef<object>[] = [];
    await start((created) =>
      created.use((request: IncomingMessage, _: unknown, next: () => void) => {
        requests.push(new WeakRef(request));
        next();
      }),
    );
    withoutNames(app);
    hideRouter(app, false);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let round = 0; round < 3; round++) {
        frames.sampleCount++;
        await send('/cats/1', 'GET', {}, agent);
      }
      labels.settle();
      expect(contexts.map((context) => context.labels)).toEqual(
        contexts.map(() => ({ route: 'GET (route not known)' })),
      );
      await collect();
      // Node itself may have the last one.
      expect(requests.slice(0, -1).map((request) => request.deref())).toEqual([undefined, undefined]);
    } finally {
      agent.destroy();
    }
  });
});

describe('requests that look alike, and begin between two samples', () => {
  const ONE = { route: 'GET /cats/:id', controller: 'CatsController', handler: 'one' };
  const UNKNOWN = { route: 'GET (route not known)' };

  it('share a context, until the next sample', async () => {
    await start();
    await send('/cats/1');
    await Promise.all([send('/cats/2?a=b'), send('/cats/3')]);
    expect(new Set(contexts).size).toBe(1);
    expect(contexts[0]!.labels).toEqual(ONE);
    frames.sampleCount++;
    await send('/cats/4');
    expect(new Set(contexts).size).toBe(2);
    await send('/cats/4', 'DELETE');
    await send('/cats');
    expect(new Set(contexts).size).toBe(4);
  });

  it('have no route where they had different ones, and from then on a context each', async () => {
    await start((created) => created.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version' }));
    await send('/versioned', 'GET', { 'x-version': '1' });
    await send('/versioned', 'GET', { 'x-version': '2' });
    expect(new Set(contexts).size).toBe(1);
    expect(contexts[0]!.labels).toEqual(UNKNOWN);
    contexts.length = 0;
    const versions = ['1', '2', '3', '1'];
    for (const version of versions) {
      await send('/versioned', 'GET', { 'x-version': version });
    }
    expect(contexts.map((context) => context.labels)).toMatchObject([
      { route: 'GET /versioned (version 1)' },
      { route: 'GET /versioned (version 2, 3)' },
      { route: 'GET /versioned (version 2, 3)' },
      { route: 'GET /versioned (version 1)' },
    ]);
  });

  it('have no route where a middleware has answered one of them', async () => {
    await start((created) =>
      created.use(({ url }: { url: string }, response: { end(): void }, next: () => void) =>
        url === '/cats/denied' ? response.end() : next(),
      ),
    );
    await send('/cats/1');
    await send('/cats/denied');
    expect(new Set(contexts).size).toBe(1);
    expect(contexts[0]!.labels).toEqual(UNKNOWN);
    await send('/cats/denied');
    expect(contexts.at(-1)!.labels).toEqual({ route: 'GET (no route)' });
    await send('/cats/1');
    expect(contexts.at(-1)!.labels).toEqual(ONE);
  });

  it('have no route as long as that of one of them is not known', async () => {
    const passed = new EventEmitter();
    await start((created) =>
      created.use(async ({ url }: { url: string }, _: unknown, next: () => void) => {
        if (url === '/cats/held') {
          setImmediate(() => passed.emit('arrived'));
          await once(passed, 'go on');
        }
        next();
      }),
    );
    await send('/cats/1');
    const late = send('/cats/held');
    await once(passed, 'arrived');
    expect(new Set(contexts).size).toBe(1);
    labels.settle();
    expect(contexts[0]!.labels).toEqual(UNKNOWN);
    passed.emit('go on');
    await late;
    labels.settle();
    expect(contexts[0]!.labels).toEqual(ONE);
  });

  it('have no route where one of them was aborted before', async () => {
    const passed = new EventEmitter();
    await start((created) =>
      created.use(({ url, socket }: { url: string; socket: Socket }, _: unknown, next: () => void) =>
        url === '/cats/held' ? passed.emit('arrived', socket) : next(),
      ),
    );
    await send('/cats/1');
    void send('/cats/held').catch(() => undefined);
    const [socket] = (await once(passed, 'arrived')) as [Socket];
    socket.destroy();
    await once(socket, 'close');
    labels.settle();
    expect(new Set(contexts).size).toBe(1);
    expect(contexts[0]!.labels).toEqual(UNKNOWN);
  });

  it('of two servers do not share one', async () => {
    await start();
    const other = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
    await once(other, 'listening');
    try {
      await send('/cats/1');
      await fetch(`http://127.0.0.1:${(other.address() as AddressInfo).port}/cats/1`);
      await send('/cats/1');
      expect(contexts.map((context) => context.labels)).toEqual([ONE, UNKNOWN, ONE]);
    } finally {
      other.closeAllConnections();
      other.close();
    }
  });

  it('share none of the sampler before', async () => {
    await start();
    await send('/cats/1');
    labels.stop();
    labels.start(frames);
    await send('/cats/1');
    expect(new Set(contexts).size).toBe(2);
  });
});

describe('a request that was aborted', () => {
  /** Neither has anything but the profiler to hold it. */
  function begin(pipelined: number, isDestroyed = false): WeakRef<object>[] {
    const socket = { destroyed: false };
    const requests = Array.from({ length: 1 + pipelined }, () => ({
      method: 'GET',
      url: '/cats/1',
      socket,
      body: 'x'.repeat(100),
    }));
    for (const request of requests) {
      channel('http.server.request.start').publish({ request, socket, server: app.getHttpServer() });
    }
    socket.destroyed = isDestroyed;
    return requests.map((request) => new WeakRef(request));
  }

  it.each(['alone', 'pipelined'])('is not held on to: %s', async (how) => {
    await start();
    const requests = begin(how === 'alone' ? 0 : 3);
    await collect();
    expect(requests.map((request) => request.deref())).toEqual(requests.map(() => undefined));
    labels.settle();
    expect(contexts[0]!.labels).toEqual({ route: 'GET (route not known)' });
  });

  it('mixes up what it shared a context with, also when it is gone', async () => {
    await start();
    await send('/cats/1');
    begin(0);
    await collect();
    labels.settle();
    expect(new Set(contexts).size).toBe(1);
    expect(contexts[0]!.labels).toEqual({ route: 'GET (route not known)' });
  });

  it('is forgotten as others begin', async () => {
    await start();
    await send('/cats/1');
    begin(0, true);
    for (let other = 0; other < 64; other++) {
      await send('/cats');
    }
    expect(contexts[0]!.labels).toEqual({ route: 'GET (route not known)' });
  });
});

describe('a request of HTTP/2', () => {
  it('has a method that Node knows: it is text of the client', async () => {
    await start();
    for (const method of ['GET', 'SECRET', 'SECRET2']) {
      const stream = { destroyed: false };
      const path = '/cats/1';
      channel('http2.server.stream.created').publish({
        stream,
        headers: { ':method': method, ':path': path },
      });
      channel('http2.server.stream.finish').publish({ stream, headers: { ':status': 404 } });
      channel('http2.server.stream.close').publish({ stream });
    }
    expect(contexts.map((context) => context.labels)).toEqual([
      { route: 'GET (no route)' },
      { route: 'OTHER (no route)' },
      { route: 'OTHER (no route)' },
    ]);
    const [, secret, secret2] = contexts;
    expect(secret!.labels).toBe(secret2!.labels);
  });
});

describe('what is subscribed to', () => {
  const names = [
    'http.server.request.start',
    'http.server.response.finish',
    'tracing:fastify.request.handler:start',
  ];

  it('is so only between start and stop', async () => {
    await start();
    expect(names.map((name) => channel(name).hasSubscribers)).toEqual([true, true, true]);
    labels.stop();
    expect(names.map((name) => channel(name).hasSubscribers)).toEqual([false, false, false]);
    await app.close();
    app = await NestFactory.create(AppModule, new ExpressAdapter(), { logger: false });
  });

  it('does the application no harm where it fails', async () => {
    await start();
    labels.stop();
    labels.start({
      ...frames,
      enter: () => {
        throw new Error('the sampler is gone');
      },
    });
    contexts.push({} as LabelContext);
    expect(await ask('/cats')).toBeUndefined();
    channel('http.server.response.finish').publish(undefined);
    channel('tracing:fastify.request.handler:start').publish({});
  });
});
