import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { describeWithGo, goToolPprof } from '../support/go.tool.js';
import { request, served } from '../support/http.request.js';
import { describeWhere } from '../support/needed.tool.js';
import { rest, windowOf } from '../support/patience.js';
import { expectRight } from '../support/right.figures.js';
import { type DecodedProfile, decodeProfile } from '../support/pprof.profile.js';
import { temporaryDirectory } from '../support/temporary.directory.js';
import { FRAME_FLAGS, HAS_FRAMES, NO_FRAMES, samplesIn } from './labels.app.js';

/** By the function that each burns its CPU in. */
const ROUTES = {
  PlainWork: { path: '/api/plain/1', route: 'GET /api/plain/:id' },
  ExcludedWork: { path: '/excluded/1', route: 'GET /excluded/:id' },
  FirstWork: {
    path: '/api/versioned/1',
    headers: { 'x-version': '1' },
    route: 'GET /api/versioned/:id (version 1)',
  },
  SecondWork: {
    path: '/api/versioned/1',
    headers: { 'x-version': '2' },
    route: 'GET /api/versioned/:id (version 2)',
  },
  HostAWork: {
    path: '/api/hosted/1',
    headers: { host: 'a.example.com' },
    route: 'GET /api/hosted/:id (host a.example.com)',
  },
  HostBWork: {
    path: '/api/hosted/1',
    headers: { host: 'secret.example.org' },
    route: 'GET /api/hosted/:id (host :name.example.org)',
  },
  noneWork: { path: '/api/none/1', route: 'GET (no route)' },
};

const CLIENTS = 10;

/** So that half of a processor is left to other tests: each request burns two milliseconds. */
const REST_MILLIS = 20;

type Ask = (path: string, headers: Readonly<Record<string, string>>) => Promise<unknown>;

describeWhere(HAS_FRAMES, NO_FRAMES, 'labels of routes', () => {
  describe.each(rowsOf('on', ['express', 'fastify', 'http2'], (platform) => platform !== 'http2'))(
    'on %s',
    (platform) => {
      const routes = Object.entries<Asked>(ROUTES).filter(
        ([name]) => platform === 'express' || name !== 'HostBWork',
      );
      let app: AppProcess;
      let body: Buffer;
      let profile: DecodedProfile;

      beforeAll(async () => {
        app = new AppProcess(fileURLToPath(new URL('fixtures/routes.app.mjs', import.meta.url)), {
          args: [platform],
          execArgv: FRAME_FLAGS,
          env: { PPROF_OPTIONS: '{}' },
        });
        const profiler = `${await profilerOf(app)}/debug/pprof/profile?threads=main`;
        const url = await app.call<string>('url');
        const { ask, close } = platform === 'http2' ? overHttp2(url) : overHttp1(url);
        await request(`${profiler}&seconds=1`);
        let isDone = false;
        const captured = served(`${profiler}&seconds=${windowOf(3)}&hz=500`).finally(() => (isDone = true));
        await app.until<boolean>('samplerRuns', (runs) => runs);
        /** Not all at the same route at a time. */
        const goOn = async (next: number): Promise<void> => {
          if (!isDone) {
            const [, { path, headers = {} }] = routes[next % routes.length]!;
            await ask(path, headers);
            await rest(REST_MILLIS);
            await goOn(next + 1);
          }
        };
        await Promise.all(Array.from({ length: CLIENTS }, (_, client) => goOn(client)));
        ({ body } = await captured);
        profile = decodeProfile(body);
        close();
      });

      afterAll(() => app.kill());

      it.each(routes)('are right where %s runs', (name, { route }) => {
        const {
          [route]: right = 0,
          'GET (route not known)': unknown = 0,
          '(none)': none = 0,
          ...others
        } = samplesIn(profile, new RegExp(`^${name}\\b`));
        // Requests that look alike share a context until it turns out that they are not.
        expectRight(right > 3 * (unknown + none) && Object.keys(others).length === 0, {
          right,
          unknown,
          none,
          others,
        });
      });

      it('come with the controller and the handler', () => {
        expect(samplesIn(profile, /^PlainWork\b/, 'controller')).toHaveProperty('Plain');
        expect(samplesIn(profile, /^PlainWork\b/, 'handler')).toHaveProperty('get');
      });

      it('have nothing of a URL or a header in them', () => {
        expect(body.includes('secret')).toBe(false);
        const values = new Set(profile.samples.flatMap(({ labels }) => labels['route'] ?? []));
        const known = routes.map(([, { route }]) => route);
        expect([...known, 'GET (route not known)']).toEqual(expect.arrayContaining([...values]));
      });

      if (platform === 'express') {
        describeWithGo('in go tool pprof', () => {
          let file: string;

          beforeAll(async () => {
            file = join(await temporaryDirectory('labels-'), 'profile.pb.gz');
            await writeFile(file, body);
          });

          const pprof = async (...args: string[]) => {
            const { stdout, warnings } = await goToolPprof(...args, file);
            expect(warnings).toEqual([]);
            return stdout;
          };

          it('-tagroot route begins the stacks with the route', async () => {
            const top = await pprof('-tagroot', 'route', '-top', '-cum');
            expect(top).toMatch(/^ +0 +0% .* [1-9]\S+% +GET \/api\/plain\/:id$/m);
          });

          it('-tagroot controller,handler with these', async () => {
            const tree = await pprof('-tagroot', 'controller,handler', '-traces');
            expect(tree).toMatch(/\bPlainWork\b[^-]* get\n +Plain\n-/);
          });

          it('-tagfocus leaves what was done for one', async () => {
            const top = await pprof('-tagfocus', 'route=GET /api/plain/:id', '-top');
            expect(top).toContain('PlainWork');
            expect(top).not.toMatch(/ (First|Second|Host[AB]|Excluded|none)Work \(/);
          });

          it('-tags shows how much each has', async () => {
            const tags = await pprof('-tags');
            for (const [, { route }] of routes) {
              expect(tags).toMatch(new RegExp(`^ +[\\d.]+m?s \\( *[\\d.]+%\\): +${escape(route)}$`, 'm'));
            }
            expect(tags).toMatch(/^ controller: Total/m);
          });
        });
      }
    },
  );
});

interface Asked {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly route: string;
}

interface Client {
  readonly ask: Ask;
  close(): void;
}

function overHttp1(url: string): Client {
  const agent = new Agent({ keepAlive: true });
  return {
    ask: async (path, headers) => {
      const asked = httpRequest(new URL(path, url), { agent, headers }).end();
      const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream];
      await once(response.resume(), 'end');
    },
    close: () => agent.destroy(),
  };
}

function overHttp2(url: string): Client {
  const session = connect(url);
  return {
    ask: async (path, { host, ...headers }) => {
      const authority = host === undefined ? {} : { ':authority': host };
      await once(session.request({ ':path': path, ...headers, ...authority }).resume(), 'close');
    },
    close: () => session.destroy(),
  };
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
