import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { IS_EXHAUSTIVE } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import type { AppProcess } from './support/app.process.js';
import { startFixture } from './support/fixture.app.js';
import { freePort } from './support/free.port.js';
import { openRequest, request, requestUntil } from './support/http.request.js';
import { rest } from './support/patience.js';
import { takeProfile } from './support/pprof.profile.js';
import { temporaryDirectory } from './support/temporary.directory.js';

const WORKERS = IS_EXHAUSTIVE ? 4 : 2;

/** As far above `port` as a process looks for a free one. */
const LAST_PORT = 63;

interface Variables {
  readonly pid: number;
  readonly instance: string | null;
  readonly otherProcesses: ReadonlyArray<{ readonly pid: number; readonly port: number }>;
}

/** The profiling port of each worker, by pid, as they have logged it. */
async function portsOf(app: AppProcess, pids: readonly number[]): Promise<Map<number, number>> {
  return new Map(
    await Promise.all(
      pids.map(async (pid) => {
        const line = new RegExp(
          `\\[Nest\\] ${pid} .*Profiling server listening on http://127\\.0\\.0\\.1:(\\d+)/`,
        );
        const [, port] = await app.printed(line);
        return [pid, Number(port)] as const;
      }),
    ),
  );
}

/** Each process is registered a moment after it listens. */
async function variablesWithOthers(port: number, others: number): Promise<Variables> {
  const variablesIn = (text: string) => JSON.parse(text) as Variables;
  const { text } = await requestUntil(
    `http://127.0.0.1:${port}/debug/vars`,
    (response) => variablesIn(response.text).otherProcesses.length === others,
  );
  return variablesIn(text);
}

function withoutOwn(ports: ReadonlyMap<number, number>, pid: number) {
  return [...ports].filter(([other]) => other !== pid).map(([other, port]) => ({ pid: other, port }));
}

describe('a cluster', () => {
  let directory: string;
  let base: number;
  let app: AppProcess;
  let url: string;

  beforeAll(async () => {
    directory = await temporaryDirectory('cluster-');
    base = await freePort();
    const args = [String(WORKERS)];
    app = startFixture('cluster', { port: base }, { args, env: { TMPDIR: directory } });
    url = await app.call<string>('url');
  });

  it('has a port for each, and each page leads to the others', async () => {
    const pids = await app.call<number[]>('pids');
    const ports = await portsOf(app, pids);
    // Not one listener that they share.
    expect(new Set(ports.values()).size).toBe(WORKERS);
    expect(Math.min(...ports.values())).toBe(base);
    expect(Math.max(...ports.values())).toBeLessThanOrEqual(base + LAST_PORT);
    const instances: unknown[] = [];
    for (const [pid, port] of ports) {
      const variables = await variablesWithOthers(port, WORKERS - 1);
      instances.push(variables.instance);
      expect(variables.pid).toBe(pid);
      const others = variables.otherProcesses.map((other) => ({ pid: other.pid, port: other.port }));
      expect(others).toEqual(withoutOwn(ports, pid).toSorted((a, b) => a.port - b.port));
      const { text } = await request(`http://127.0.0.1:${port}/debug/pprof/`);
      expect(text).toContain(`pid ${pid}, ${variables.instance}, Node `);
      for (const other of withoutOwn(ports, pid)) {
        expect(text).toContain(
          `<a href="http://127.0.0.1:${other.port}/debug/pprof/">${other.port}</a></td><td>${other.pid}<`,
        );
        expect(text).toContain(`ssh -L ${other.port}:127.0.0.1:${other.port} user@host`);
      }
    }
    expect(instances).toEqual(Array.from(ports, (_, index) => `cluster worker ${index + 1}`));
    const profiles = await Promise.all(
      [...ports].map(async ([pid, port]) => ({
        pid,
        profile: await takeProfile(`http://127.0.0.1:${port}/debug/pprof/profile?seconds=1`),
      })),
    );
    for (const { pid, profile } of profiles) {
      expect(profile.comments.join('\n')).toMatch(new RegExp(`\\bpid ${pid}\\b`));
    }
    expect((await request(`${url}/hello`)).text).toBe('hello');
    expect(app.complaints).toEqual([]);
  });

  it('has a rolling restart while all workers are profiled: the service goes on, old ports are free again, new workers are found', async () => {
    const oldPids = await app.call<number[]>('pids');
    const oldPorts = await portsOf(app, oldPids);
    await variablesWithOthers(base, WORKERS - 1);
    // Longer than the test may take: a worker that waited for its capture would never be replaced.
    const captures = [...oldPorts.values()].map((port) =>
      openRequest(`http://127.0.0.1:${port}/debug/pprof/profile?seconds=300`),
    );

    const replaced = new AbortController();
    const answers = new Set<string>();
    // Node 26 resets a connection now and then as a worker disconnects: of a plain node:http server, one in some forty workers.
    let resets = 0;
    const useService = async () => {
      while (!replaced.signal.aborted) {
        answers.add(
          await request(`${url}/hello`).then(
            ({ status, text }) => `${status} ${text}`,
            (error: NodeJS.ErrnoException) => {
              if (error.code !== 'ECONNRESET') {
                return String(error);
              }
              resets += 1;
              return '200 hello';
            },
          ),
        );
        await rest(5);
      }
    };
    const using = useService();
    const endings = await app.call('replaceWorkers');
    replaced.abort();
    await using;

    expect([...answers]).toEqual(['200 hello']);
    expect(resets).toBeLessThanOrEqual(2);
    expect(endings).toEqual(oldPids.map(() => ({ code: 0, signal: null })));
    for (const { cut } of captures) {
      expect(await cut).toMatchObject({ code: 'ECONNRESET' });
    }
    const newPids = await app.call<number[]>('pids');
    expect(newPids.filter((pid) => oldPids.includes(pid))).toEqual([]);
    const newPorts = await portsOf(app, newPids);
    expect(new Set(newPorts.values()).size).toBe(WORKERS);
    // Still where one looks first.
    expect([...newPorts.values()].filter((port) => port < base || port > base + LAST_PORT)).toEqual([]);
    for (const [pid, port] of newPorts) {
      const { otherProcesses } = await variablesWithOthers(port, WORKERS - 1);
      expect(otherProcesses.map((other) => other.pid).toSorted()).toEqual(
        newPids.filter((other) => other !== pid).toSorted(),
      );
    }
    const listening = new Set(newPorts.values());
    for (const port of oldPorts.values()) {
      if (!listening.has(port)) {
        await expect(request(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      }
    }
    const [registry = ''] = await readdir(directory);
    expect((await readdir(join(directory, registry))).length).toBe(WORKERS);
    expect(app.complaints).toEqual([]);
  });
});
