import { Controller, Get, Injectable, Post, SetMetadata } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { labelScope } from './label.sets.js';
import { NestContainer } from './nest.container.js';
import { handlerClassesOf, labelUntoldHandlers } from './nest.handlers.js';

abstract class BaseController {
  @Get('shared')
  shared(): string {
    return 'shared';
  }
}

@Controller('cats')
class CatsController extends BaseController {
  @Get(':id')
  async one(id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @Post(['a', 'b'])
  several(): string {
    return 'several';
  }

  @SetMetadata('microservices:transport', 3)
  @SetMetadata('microservices:pattern', [{ cmd: 'sum' }])
  sum(): number {
    return 1;
  }

  helper(): string {
    return 'no handler';
  }
}

@Controller('dogs')
class DogsController extends BaseController {}

@SetMetadata('websockets:is_gateway', true)
class ChatGateway {
  @SetMetadata('message', 'say')
  @SetMetadata('websockets:message_mapping', true)
  said(): string {
    return 'said';
  }
}

@SetMetadata('graphql:resolver_name', 'Cat')
@Injectable()
class CatsResolver {
  @SetMetadata('graphql:resolver_type', 'Query')
  cats(): string[] {
    return [];
  }

  @SetMetadata('graphql:resolver_name', 'addCat')
  @SetMetadata('graphql:resolver_type', 'Mutation')
  add(): string {
    return 'added';
  }

  @SetMetadata('graphql:resolve_property', true)
  async kittens(): Promise<string[]> {
    return Promise.resolve([]);
  }

  @SetMetadata('graphql:resolver_name', 'owner')
  @SetMetadata('graphql:resolve_property', true)
  ownerOf(): string {
    return 'owner';
  }

  @SetMetadata('graphql:resolve_reference', true)
  byReference(): string {
    return 'a cat';
  }
}

@Injectable()
class Jobs {
  @SetMetadata('SCHEDULER_TYPE', 1)
  nightly(): string {
    return this.name;
  }

  @SetMetadata('SCHEDULER_NAME', 'clean-up')
  @SetMetadata('SCHEDULER_TYPE', 3)
  clean(): string {
    return 'clean';
  }

  @SetMetadata('EVENT_LISTENER_METADATA', [{ event: 'order.created' }, { event: ['order', 'paid'] }])
  onOrder(...args: unknown[]): unknown[] {
    return args;
  }

  readonly name = 'jobs';
}

@SetMetadata('bullmq:processor_metadata', { name: 'mail' })
class MailProcessor {
  process(): string {
    return 'sent';
  }
}

@SetMetadata('CommandBuilder:Command:Meta', { name: 'import' })
class ImportCommand {
  run(): string {
    return 'imported';
  }
}

@SetMetadata('__commandHandler__', class {})
class BuyHandler {
  execute(): string {
    return 'bought';
  }
}

function wrappers(...types: unknown[]) {
  return new Map(types.map((metatype) => [metatype, { metatype }]));
}

const container = new NestContainer({
  getModules: () =>
    new Map([
      [
        'app',
        {
          metatype: class {},
          controllers: wrappers(CatsController, DogsController),
          providers: wrappers(
            ChatGateway,
            CatsResolver,
            Jobs,
            MailProcessor,
            ImportCommand,
            BuyHandler,
            () => 'a factory',
            null,
          ),
        },
      ],
    ]) as never,
});

function labelsByHandler(): Record<string, unknown> {
  return Object.fromEntries(
    handlerClassesOf(container).flatMap(({ name, handlers }) =>
      handlers.map((handler) => [`${name}.${handler.name}`, handler.labels]),
    ),
  );
}

describe('what discovery finds', () => {
  it('has the labels of each kind of entry', () => {
    expect(labelsByHandler()).toEqual({
      // Inherited by two controllers: the stack does not show which.
      'BaseController.shared': { handler: 'shared' },
      'CatsController.one': { controller: 'CatsController', handler: 'one', route: 'GET /cats/:id' },
      'CatsController.several': { controller: 'CatsController', handler: 'several' },
      'CatsController.sum': {
        controller: 'CatsController',
        handler: 'sum',
        pattern: '{"cmd":"sum"}',
        transport: 'MQTT',
      },
      'ChatGateway.said': { gateway: 'ChatGateway', event: 'say', handler: 'said' },
      'CatsResolver.cats': { resolver: 'CatsResolver', operation: 'Query.cats', handler: 'cats' },
      'CatsResolver.add': { resolver: 'CatsResolver', operation: 'Mutation.addCat', handler: 'add' },
      'CatsResolver.kittens': { resolver: 'CatsResolver', operation: 'Cat.kittens', handler: 'kittens' },
      'CatsResolver.ownerOf': { resolver: 'CatsResolver', operation: 'Cat.owner', handler: 'ownerOf' },
      'CatsResolver.byReference': {
        resolver: 'CatsResolver',
        operation: 'Cat.__resolveReference',
        handler: 'byReference',
      },
      'Jobs.nightly': { provider: 'Jobs', job: 'Jobs.nightly', handler: 'nightly' },
      'Jobs.clean': { provider: 'Jobs', job: 'clean-up', handler: 'clean' },
      'Jobs.onOrder': { provider: 'Jobs', event: 'order.created, order, paid', handler: 'onOrder' },
      'MailProcessor.process': { provider: 'MailProcessor', queue: 'mail', handler: 'process' },
      'ImportCommand.run': { provider: 'ImportCommand', command: 'import', handler: 'run' },
      'BuyHandler.execute': { provider: 'BuyHandler', handler: 'execute' },
    });
  });

  it('is told apart where two classes have one name', () => {
    const others = [CatsController, { CatsController: class extends BaseController {} }.CatsController];
    Controller('more')(others[1]!);
    Object.defineProperty(others[1]!.prototype, 'one', {
      value: function one(this: void) {
        return 'other';
      },
    });
    Get('other/:id')(
      others[1]!.prototype,
      'one',
      Object.getOwnPropertyDescriptor(others[1]!.prototype, 'one')!,
    );
    const both = new NestContainer({
      getModules: () =>
        new Map([
          ['app', { metatype: class {}, controllers: wrappers(...others), providers: new Map() }],
        ]) as never,
    });
    const found = handlerClassesOf(both).flatMap(({ handlers }) => handlers.map(({ labels }) => labels));
    expect(found).toContainEqual({ controller: 'CatsController', handler: 'one', route: 'GET /cats/:id' });
  });

  it('is told by its position in the text of its class', () => {
    for (const { name, length, handlers } of handlerClassesOf(container)) {
      const type = [
        BaseController,
        CatsController,
        ChatGateway,
        CatsResolver,
        Jobs,
        MailProcessor,
        ImportCommand,
        BuyHandler,
      ].find((each) => each.name === name)!;
      const text = String(type);
      expect(length).toBe(text.length);
      for (const handler of handlers) {
        expect(text.slice(handler.offset)).toMatch(new RegExp(`^(async )?${handler.name}\\(`));
      }
    }
  });

  it.each(['*', 'a(b', '[x', String.raw`a\b`, 'a$b'])(
    'is told also where a method is called %j, and a decorator has replaced it',
    (name) => {
      const type = { Odd: class {} }.Odd;
      class Plain {
        @SetMetadata('microservices:pattern', 'plain')
        plain(): void {}
      }
      const replaced = () => 'replaced';
      SetMetadata('microservices:pattern', 'odd')(replaced);
      Object.defineProperty(type.prototype, name, { value: replaced });
      const odd = new NestContainer({
        getModules: () =>
          new Map([
            ['app', { metatype: class {}, controllers: wrappers(type, Plain), providers: new Map() }],
          ]) as never,
      });
      expect(handlerClassesOf(odd).map((found) => found.name)).toEqual(['Plain']);
    },
  );

  it('is nothing where metadata are of no form that is known', () => {
    const broken = new NestContainer({
      getModules: () => {
        throw new Error('changed');
      },
    });
    expect(handlerClassesOf(broken)).toEqual([]);
  });
});

describe('labels: { everything: true }', () => {
  const given: unknown[] = [];

  afterEach(() => {
    delete labelScope().run;
    given.length = 0;
  });

  it('wraps what nobody tells of, once, and leaves HTTP alone', () => {
    const http = CatsController.prototype.one;
    labelUntoldHandlers(container);
    const wrapped = Jobs.prototype.nightly;
    labelUntoldHandlers(container);
    expect(Jobs.prototype.nightly).toBe(wrapped);
    expect(CatsController.prototype.one).toBe(http);

    const jobs = new Jobs();
    expect(jobs.nightly()).toBe('jobs');
    expect(given).toEqual([]);

    labelScope().run = (labels, task) => {
      given.push(labels);
      return task();
    };
    expect(jobs.nightly()).toBe('jobs');
    expect(jobs.onOrder(1, 2)).toEqual([1, 2]);
    expect(new CatsController().sum()).toBe(1);
    expect(given).toEqual([
      { provider: 'Jobs', job: 'Jobs.nightly', handler: 'nightly' },
      { provider: 'Jobs', event: 'order.created, order, paid', handler: 'onOrder' },
      { controller: 'CatsController', handler: 'sum', pattern: '{"cmd":"sum"}', transport: 'MQTT' },
    ]);
  });

  it('keeps what Nest and its modules look at: names, parameters and metadata', () => {
    labelUntoldHandlers(container);
    const { clean } = Jobs.prototype;
    expect(clean.name).toBe('clean');
    expect(clean).toHaveLength(0);
    expect(Reflect.getMetadata('SCHEDULER_NAME', clean)).toBe('clean-up');
    expect(labelsByHandler()).toHaveProperty(['Jobs.clean'], {
      provider: 'Jobs',
      job: 'clean-up',
      handler: 'clean',
    });
  });
});
