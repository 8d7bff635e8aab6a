import { AsyncLocalStorage } from 'node:async_hooks';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { channel } from 'node:diagnostics_channel';
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

/** In the place of the addon: what it has been given. */
const contexts: LabelContext[] = [];
const frames = new AsyncLocalStorage<true>();

let app: INestApplication;
let labels: RequestLabels;

async function start(configure: (app: INestApplication) => void = () => undefined): Promise<void> {
  app = await NestFactory.create(AppModule, new ExpressAdapter(), { logger: false });
  configure(app);
  await app.listen(0, '127.0.0.1');
  const { container } = app.get<{ container: NestContainer }>(NEST_CONTAINER);
  labels = new RequestLabels(new RouteLabels(container));
  labels.start({ setContext: (context) => contexts.push(context as LabelContext) }, frames);
}

beforeEach(() => {
  contexts.length = 0;
});

afterEach(async () => {
  labels.stop();
  frames.disable();
  await app.close();
});

/** @returns the labels of the request, once it has ended. */
async function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<unknown> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  await new Promise<void>((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false });
    request.on('response', (response) => response.resume().on('close', resolve));
    request.on('error', reject).end();
  });
  return contexts.pop()!.labels;
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
    await start((created) => {
      const { instance } = created.getHttpAdapter() as unknown as {
        instance: {
          get(path: string, handler: (request: unknown, response: { end(text: string): void }) => void): void;
        };
      };
      instance.get('/own/:id', (__, response) => response.end('own'));
    });
    expect(await ask('/own/secret')).toEqual({ route: 'GET /own/:id' });
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
    labels.start(
      {
        setContext: () => {
          throw new Error('the sampler is gone');
        },
      },
      frames,
    );
    contexts.push({} as LabelContext);
    expect(await ask('/cats')).toBeUndefined();
    channel('http.server.response.finish').publish(undefined);
    channel('tracing:fastify.request.handler:start').publish({});
  });
});
