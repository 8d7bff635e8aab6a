import { type DynamicModule, Inject, Injectable, Module, type ValueProvider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from './options.table.js';
import { PprofModule } from './pprof.module.js';
import {
  PPROF_OPTIONS,
  type PprofModuleOptions,
  PprofOptionsError,
  type PprofOptionsFactory,
} from './pprof.options.js';
import { PprofService } from './pprof.service.js';

const OPTIONS: PprofModuleOptions = { enabled: false, port: 0 };

@Injectable()
class Configuration {
  readonly options = OPTIONS;
}

@Injectable()
class OptionsFactory implements PprofOptionsFactory {
  createPprofOptions(): Promise<PprofModuleOptions> {
    return Promise.resolve({ ...OPTIONS, maxSeconds: 60 });
  }
}

@Module({ providers: [Configuration, OptionsFactory], exports: [Configuration, OptionsFactory] })
class ConfigurationModule {}

/** Needs the service, and does not import the module. */
@Injectable()
class Switch {
  constructor(@Inject(PprofService) readonly pprof: PprofService) {}
}

@Module({ providers: [Switch] })
class SwitchModule {}

/** What it is configured with, without starting it. */
function valueOf({ providers = [] }: DynamicModule): unknown {
  const provider = providers.find((each) => 'provide' in each && each.provide === PPROF_OPTIONS);
  return (provider as ValueProvider).useValue;
}

async function optionsOf(module: ReturnType<typeof PprofModule.forRoot>): Promise<PprofModuleOptions> {
  const compiled = await Test.createTestingModule({ imports: [module] }).compile();
  expect(compiled.get(PprofService, { strict: false }).status).toEqual({ state: 'disabled' });
  return compiled.get<PprofModuleOptions>(PPROF_OPTIONS, { strict: false });
}

describe('PprofModule', () => {
  it('takes its options from forRoot', async () => {
    expect(await optionsOf(PprofModule.forRoot(OPTIONS))).toEqual(OPTIONS);
  });

  it('takes them from a factory that has others injected', async () => {
    const module = PprofModule.forRootAsync({
      imports: [ConfigurationModule],
      inject: [Configuration],
      useFactory: ({ options }: Configuration) => Promise.resolve({ ...options, host: '::1' }),
    });
    expect(await optionsOf(module)).toEqual({ ...OPTIONS, host: '::1' });
  });

  it('takes them from a factory that answers at once', async () => {
    expect(await optionsOf(PprofModule.forRootAsync({ useFactory: () => OPTIONS }))).toEqual(OPTIONS);
  });

  it('takes them from a class of its own', async () => {
    expect(await optionsOf(PprofModule.forRootAsync({ useClass: OptionsFactory }))).toEqual({
      ...OPTIONS,
      maxSeconds: 60,
    });
  });

  it('takes them from a provider that there is', async () => {
    const module = PprofModule.forRootAsync({ imports: [ConfigurationModule], useExisting: OptionsFactory });
    expect(await optionsOf(module)).toEqual({ ...OPTIONS, maxSeconds: 60 });
  });

  it.each([
    ['forRoot', () => PprofModule.forRoot({ ...OPTIONS, isGlobal: true })],
    ['forRootAsync', () => PprofModule.forRootAsync({ useFactory: () => OPTIONS, isGlobal: true })],
  ])('serves every module where %s makes it global', async (_, module) => {
    const compiled = await Test.createTestingModule({ imports: [module(), SwitchModule] }).compile();
    expect(compiled.get(Switch, { strict: false }).pprof).toBe(compiled.get(PprofService, { strict: false }));
  });

  it('says what to import, where it is imported by itself', async () => {
    const compiling = Test.createTestingModule({ imports: [PprofModule] }).compile();
    await expect(compiling).rejects.toThrow(/^PprofModule: it is imported without options, .*forRoot\(\)/);
    // Also beside the one of the root module.
    const imports = [PprofModule.forRoot({ ...OPTIONS, isGlobal: true }), PprofModule];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(PprofOptionsError);
  });

  it('is not global unless asked to be', async () => {
    const compiling = Test.createTestingModule({
      imports: [PprofModule.forRoot(OPTIONS), SwitchModule],
    }).compile();
    await expect(compiling).rejects.toThrow(/resolve dependencies of the Switch/);
  });

  it('has a default for each, so that forRoot needs none', async () => {
    expect(resolveOptions(valueOf(PprofModule.forRoot()))).toEqual(resolveOptions({}));
  });

  it.each([null, 'text', 6060])('refuses %p as options of forRoot', (options) => {
    expect(() => PprofModule.forRoot(options as unknown as PprofModuleOptions)).toThrow(PprofOptionsError);
  });

  it.each([undefined, null, {}, { useFactory: undefined }])('refuses %p in forRootAsync', (given) => {
    const start = () => PprofModule.forRootAsync(given as Parameters<typeof PprofModule.forRootAsync>[0]);
    expect(start).toThrow(PprofOptionsError);
    expect(start).toThrow('it takes useFactory, useClass, useExisting');
  });

  it.each([undefined, null])(
    'fails the start-up where the factory of forRootAsync returns %p',
    async (options) => {
      const module = PprofModule.forRootAsync({
        useFactory: () => options as unknown as PprofModuleOptions,
      });
      await expect(Test.createTestingModule({ imports: [module] }).compile()).rejects.toThrow(
        PprofOptionsError,
      );
    },
  );

  it('does not take isGlobal for one of the options', async () => {
    expect(await optionsOf(PprofModule.forRoot({ ...OPTIONS, isGlobal: true }))).toEqual(OPTIONS);
  });

  it('fails the start-up where an option is wrong, with all that is wrong', async () => {
    const options = { port: '6060', host: '0.0.0.0' } as unknown as PprofModuleOptions;
    const compiling = Test.createTestingModule({ imports: [PprofModule.forRoot(options)] }).compile();
    await expect(compiling).rejects.toThrow(PprofOptionsError);
    await expect(compiling).rejects.toMatchObject({ problems: [expect.any(String), expect.any(String)] });
  });

  it('starts nothing where it is disabled, through the whole life of an application', async () => {
    const application = await Test.createTestingModule({ imports: [PprofModule.forRoot(OPTIONS)] }).compile();
    await application.init();
    const service = application.get(PprofService);
    expect([service.status, service.address]).toEqual([{ state: 'disabled' }, undefined]);
    await application.close();
    expect(service.status).toEqual({ state: 'disabled' });
  });
});
