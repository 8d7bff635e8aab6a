import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { Logger, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type * as package_ from './index.js';

/**
 * The built package, as the profiling thread has to be started from a file that Node can run; `npm run build` first. One
 * thread at a time takes some 100 ms to start here.
 */
const BUILT = fileURLToPath(new URL('../dist/esm/index.js', import.meta.url));
if (!existsSync(BUILT)) {
  throw new Error(`${BUILT} is missing: run "npm run build:package" first`);
}
const { PprofModule, PprofService } = (await import(BUILT)) as typeof package_;

const logged: string[] = [];
const logger: LoggerService = {
  log: (message: unknown) => void logged.push(`log ${String(message)}`),
  warn: (message: unknown) => void logged.push(`warn ${String(message)}`),
  error: (message: unknown) => void logged.push(`error ${String(message)}`),
};

const OPTIONS = { port: 0, heap: false } as const;
const OFF = { ...OPTIONS, enabled: false } as const;

let services: package_.PprofService[] = [];
let blocker: Server | undefined;

beforeEach(() => {
  logged.length = 0;
  Logger.overrideLogger(logger);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(services.map((service) => service.stop()));
  services = [];
  blocker?.close();
  blocker = undefined;
});

function create(options: package_.PprofModuleOptions = OPTIONS): package_.PprofService {
  const service = new PprofService(options);
  services.push(service);
  return service;
}

async function takenPort(): Promise<number> {
  blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  return (blocker.address() as AddressInfo).port;
}

const NO_THREADS = 'no such directory';

/** As where the directory that the process was started in is gone. */
function breakThreads(): void {
  jest.spyOn(globalThis, 'SharedArrayBuffer').mockImplementation(() => {
    throw new Error(NO_THREADS);
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function complaints(): string[] {
  return logged.filter((line) => !line.startsWith('log '));
}

describe('the package, as it is built', () => {
  it('is loaded by an application that has added something to all objects', () => {
    const entry = fileURLToPath(new URL('../dist/cjs/index.js', import.meta.url));
    const program = `Object.prototype.added = 1; process.stdout.write(typeof require(${JSON.stringify(entry)}).PprofModule)`;
    expect(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })).toBe('function');
  });
});

describe('PprofService.start', () => {
  it('settles when the profiles are served, and tells where', async () => {
    const service = create();
    const starting = service.start();
    expect(service.status).toEqual({ state: 'starting' });
    const address = await starting;
    expect(address).toMatchObject({ host: '127.0.0.1', port: expect.any(Number) });
    expect(address!.port).toBeGreaterThan(0);
    expect(address!.url).toBe(`http://127.0.0.1:${address!.port}/debug/pprof/`);
    expect(service.status).toEqual({ state: 'listening', address });
    expect(service.address).toEqual(address);
    expect(logged).toEqual([`log Profiling server listening on ${address!.url}`]);
    const response = await fetch(address!.url);
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('Types of profiles available'),
    ]);
  });

  it('starts one thread, however often it is called', async () => {
    const service = create();
    const addresses = await Promise.all([service.start(), service.start(), service.start()]);
    expect(addresses[0]).toBeDefined();
    expect(new Set(addresses).size).toBe(1);
    expect(await service.start()).toBe(addresses[0]);
    expect(logged).toHaveLength(1);
  });

  it('starts what the options have switched off', async () => {
    const service = create(OFF);
    expect(service.status).toEqual({ state: 'disabled' });
    expect(await service.start()).toMatchObject({ host: '127.0.0.1' });
  });

  it('writes an IPv6 address in brackets where it is part of a URL', async () => {
    const address = await create({ ...OPTIONS, host: '::1' }).start();
    // There are machines without IPv6.
    if (address) {
      expect(address.url).toBe(`http://[::1]:${address.port}/debug/pprof/`);
    }
  });

  it('is nothing that the application notices where it has broken the timers, and nor is the end', async () => {
    const fails = () => {
      throw new Error('broken by the application');
    };
    const service = create({ port: 0 });
    const broken = jest.spyOn(globalThis, 'setTimeout').mockImplementation(fails as never);
    await service.start();
    expect(complaints()).toEqual([
      expect.stringMatching(/^warn the profiler has failed: broken by the application/),
    ]);
    broken.mockRestore();
    const others = [
      jest.spyOn(globalThis, 'clearTimeout').mockImplementation(fails),
      jest.spyOn(globalThis, 'clearInterval').mockImplementation(fails),
    ];
    await service.stop();
    expect(service.status).toEqual({ state: 'stopped' });
    others.forEach((other) => other.mockRestore());
  });

  it('does not reject where the port is taken: it tells why, and warns once', async () => {
    const port = await takenPort();
    const service = create({ ...OPTIONS, port });
    expect(await service.start()).toBeUndefined();
    expect(service.status).toEqual({
      state: 'waiting',
      reason: expect.stringContaining(`port ${port} on 127.0.0.1 is taken`),
    });
    expect(service.address).toBeUndefined();
    expect(await service.start()).toBeUndefined();
    expect(complaints()).toEqual([
      expect.stringMatching(/^warn Profiling is not available yet, the application goes on/),
    ]);
  });

  it('listens by itself once the port is free', async () => {
    const port = await takenPort();
    const service = create({ ...OPTIONS, port });
    await service.start();
    blocker!.close();
    await until(() => service.status.state === 'listening');
    expect(service.address).toMatchObject({ port });
    expect(await service.start()).toBe(service.address);
    expect(complaints()).toHaveLength(1);
    expect(logged.at(-1)).toBe(`log Profiling server listening on ${service.address!.url}`);
  });

  it("with whenPortTaken: 'next', takes the next port, without a word of complaint", async () => {
    const port = await takenPort();
    const address = await create({ ...OPTIONS, port, whenPortTaken: 'next' }).start();
    expect(address!.port).toBeGreaterThan(port);
    expect(complaints()).toEqual([]);
  });

  it('goes on where the logger of the application throws', async () => {
    const throwing = () => {
      throw new Error('the logger is closed');
    };
    Logger.overrideLogger({ log: throwing, warn: throwing, error: throwing, debug: throwing });
    const failures: unknown[] = [];
    const onFailure = (error: unknown) => failures.push(error);
    process.on('uncaughtException', onFailure);
    process.on('unhandledRejection', onFailure);
    try {
      expect(await create().start()).toMatchObject({ host: '127.0.0.1' });
      expect(create(OFF).status).toEqual({ state: 'disabled' });
      expect(failures).toEqual([]);
    } finally {
      process.off('uncaughtException', onFailure);
      process.off('unhandledRejection', onFailure);
    }
  });

  it('does not reject where no thread can be started: it tells why, and can be tried again', async () => {
    const service = create(OFF);
    breakThreads();
    expect(await service.start()).toBeUndefined();
    expect(service.status).toEqual({ state: 'failed', reason: NO_THREADS });
    expect(complaints()).toEqual([
      `warn Profiling is not available, the application goes on without it: ${NO_THREADS}`,
    ]);
    jest.restoreAllMocks();
    expect(await service.start()).toBeDefined();
  });
});

describe('PprofService.stop', () => {
  it('frees the port, and it can be started again', async () => {
    const service = create();
    const { port } = (await service.start()) as package_.PprofTcpAddress;
    await service.stop();
    expect([service.status, service.address]).toEqual([{ state: 'stopped' }, undefined]);
    const next = create({ ...OPTIONS, port });
    expect(await next.start()).toMatchObject({ port });
    await next.stop();
    expect(await service.start()).toMatchObject({ host: '127.0.0.1' });
    expect(complaints()).toEqual([]);
  });

  it('ends a start that is under way, which then has no address', async () => {
    const port = await takenPort();
    blocker!.close();
    await once(blocker!, 'close');
    const service = create({ ...OPTIONS, port });
    const starting = service.start();
    await service.stop();
    expect(await starting).toBeUndefined();
    expect([service.status, service.address]).toEqual([{ state: 'stopped' }, undefined]);
    expect(logged).toEqual([]);
    // Nor is a thread left behind that would hold the port.
    expect(await create({ ...OPTIONS, port }).start()).toMatchObject({ port });
  });

  it('gives way to the start that comes after it, on the same port', async () => {
    const service = create();
    const { port } = (await service.start()) as package_.PprofTcpAddress;
    await service.stop();
    const again = create({ ...OPTIONS, port });
    await again.start();
    const stopping = again.stop();
    const restarted = again.start();
    await stopping;
    expect(await restarted).toMatchObject({ port });
    expect(again.status.state).toBe('listening');
    expect(complaints()).toEqual([]);
  });

  it('lets the last of several calls decide', async () => {
    const service = create();
    const first = service.start();
    const stopped = service.stop();
    const second = service.start();
    await stopped;
    expect(await first).toBeUndefined();
    expect(await second).toBeDefined();
    expect(service.address).toEqual(await second);
  });

  it('can be called when nothing runs, more than once, and keeps what the options say', async () => {
    const service = create(OFF);
    await Promise.all([service.stop(), service.stop()]);
    expect(service.status).toEqual({ state: 'disabled' });
  });

  it('keeps the reason of a failure', async () => {
    breakThreads();
    const service = create();
    await service.start();
    await service.stop();
    expect(service.status.state).toBe('failed');
  });

  it('ends the wait for a port', async () => {
    const port = await takenPort();
    const service = create({ ...OPTIONS, port });
    await service.start();
    await service.stop();
    expect(service.status).toEqual({ state: 'stopped' });
    blocker!.close();
    await once(blocker!, 'close');
    // Nobody is left who would take it.
    expect(await create({ ...OPTIONS, port }).start()).toMatchObject({ port });
    expect(service.status).toEqual({ state: 'stopped' });
  });
});

describe('two of them in one process', () => {
  const SHARED = /another PprofModule of this process has its profiler already on http/i;

  it('with the same options have one profiler, one line says so, and each can end without the other', async () => {
    const port = await takenPort();
    blocker!.close();
    await once(blocker!, 'close');
    const options = { ...OPTIONS, port };
    const first = create(options);
    const second = create(options);
    const address = await first.start();
    expect(await second.start()).toEqual(address);
    expect([second.status, second.address]).toEqual([first.status, address]);
    expect(complaints()).toEqual([]);
    expect(logged.filter((line) => SHARED.test(line))).toHaveLength(1);

    await first.stop();
    expect(first.status).toEqual({ state: 'stopped' });
    await until(() => second.status.state === 'listening');
    expect(second.address).toEqual(address);
    expect((await fetch(address!.url)).status).toBe(200);
    await second.stop();
    await expect(fetch(address!.url)).rejects.toThrow();
  });

  it('with other options, too: a warning names what differs', async () => {
    const first = create();
    const second = create({ ...OPTIONS, maxSeconds: 60, auth: { username: 'ops', password: 'hunter2' } });
    const address = await first.start();
    expect(await second.start()).toEqual(address);
    expect(complaints()).toEqual([
      expect.stringMatching(
        /^warn Another .* both use that: with its options, which differ in maxSeconds, auth$/,
      ),
    ]);
    await second.stop();
    expect(second.status).toEqual({ state: 'stopped' });
    expect(first.status.state).toBe('listening');
  });

  it('do without the one that fails', async () => {
    const broken = jest.spyOn(globalThis, 'SharedArrayBuffer').mockImplementation(() => {
      broken.mockRestore();
      throw new Error(NO_THREADS);
    });
    const first = create();
    const second = create();
    expect(await second.start()).toBeDefined();
    expect(first.status.state).toBe('failed');
    expect(logged.some((line) => SHARED.test(line))).toBe(false);
  });
});

it('does without one that is of a version which nobody knows', async () => {
  const registry = runInThisContext('globalThis') as Record<symbol, unknown>;
  const slot = Symbol.for('nestjs-pprof profiler');
  registry[slot] = { holder: {}, freed: new Promise(() => undefined) };
  try {
    const service = create();
    expect(await service.start()).toBeUndefined();
    expect(service.status.state).toBe('failed');
    expect(complaints()).toEqual([expect.stringMatching(/^warn .*another PprofModule .* cannot be asked: /)]);
  } finally {
    delete registry[slot];
  }
});

describe('PprofService in an application', () => {
  async function application(options: package_.PprofModuleOptions) {
    const compiled = await Test.createTestingModule({ imports: [PprofModule.forRoot(options)] })
      .setLogger(logger)
      .compile();
    services.push(compiled.get(PprofService));
    return compiled;
  }

  it('starts and stops with it, and does not hold it up', async () => {
    const app = await application(OPTIONS);
    const service = app.get(PprofService);
    await app.init();
    expect(service.status.state).toBe('starting');
    const address = await service.start();
    expect(service.status).toEqual({ state: 'listening', address });
    await app.close();
    expect(service.status).toEqual({ state: 'stopped' });
    await expect(fetch(address!.url)).rejects.toThrow();
  });

  it('starts it all the same where the port is taken', async () => {
    const app = await application({ ...OPTIONS, port: await takenPort() });
    await app.init();
    const service = app.get(PprofService);
    expect(await service.start()).toBeUndefined();
    expect(service.status.state).toBe('waiting');
    await app.close();
    expect(complaints()).toHaveLength(1);
  });

  it('can be profiled before the application is there, and where no hook is called', async () => {
    const app = await application(OPTIONS);
    const address = await app.get(PprofService).start();
    expect((await fetch(address!.url)).status).toBe(200);
    await app.close();
    await expect(fetch(address!.url)).rejects.toThrow();
  });

  it('says, to whoever debugs, that it is off', async () => {
    const debug = jest.fn();
    Logger.overrideLogger({ ...logger, debug });
    create(OFF);
    expect(debug.mock.calls).toEqual([['Profiling is off: the option "enabled" is false', 'PprofModule']]);
  });

  it('does nothing where it is disabled', async () => {
    const app = await application({ ...OPTIONS, enabled: false });
    await app.init();
    const service = app.get(PprofService);
    expect(service.status).toEqual({ state: 'disabled' });
    await app.close();
    expect(logged.filter((line) => /profil/i.test(line))).toEqual([]);
  });
});
