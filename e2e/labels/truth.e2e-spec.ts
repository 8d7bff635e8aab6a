import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IS_EXHAUSTIVE, rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { describeWhere } from '../support/needed.tool.js';
import { isStarved } from '../support/patience.js';
import { expectRight } from '../support/right.figures.js';
import { samplingError } from '../support/sampling.error.js';
import { type DecodedProfile, flat } from '../support/pprof.profile.js';
import { HAS_FRAMES, LabelsApp, labelledWindow, NO_FRAMES, type Platform, samplesIn } from './labels.app.js';

/** Each function of the fixture is in one route. A request that began before the capture has no label. */
function expectOnly(profile: DecodedProfile, name: RegExp, route: string): void {
  const { [route]: right = 0, '(none)': none = 0, ...others } = samplesIn(profile, name);
  expectRight(right > 2 * none && Object.keys(others).length === 0, {
    name: name.source,
    right,
    none,
    others,
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function opened(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

async function read(socket: Socket, until: (text: string) => boolean): Promise<string> {
  let text = '';
  while (!until(text)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString();
  }
  return text;
}

describeWhere(HAS_FRAMES, NO_FRAMES, 'labels of the route that a sample was taken for', () => {
  const PLATFORMS: readonly Platform[] = ['express', 'fastify'];

  // On Fastify `npm test` has what routes.e2e-spec.ts asks.
  describe.each(rowsOf('on', PLATFORMS, (platform) => platform === 'express'))('on %s', (platform) => {
    let app: LabelsApp;

    beforeAll(async () => {
      app = await LabelsApp.start(platform);
    });

    afterAll(async () => {
      await app.process.kill();
    });

    it('tell two routes apart that burn CPU 3:1, a hundred requests at a time; with controller and handler', async () => {
      const profile = await app.profileUnder({ seconds: 1, hz: 500 }, 100, (index) =>
        app.get(index % 2 === 0 ? `/burn/heavy/${index}` : `/burn/light/${index}`),
      );
      expectOnly(profile, /heavyWork/, 'GET /burn/heavy/:id');
      expectOnly(profile, /lightWork/, 'GET /burn/light/:id');
      const heavy = sum(Object.values(samplesIn(profile, /heavyWork/)));
      const light = sum(Object.values(samplesIn(profile, /lightWork/)));
      const share = heavy / (heavy + light);
      const tolerance = samplingError(0.75, heavy + light) + 0.02;
      expectRight(Math.abs(share - 0.75) < tolerance, { share, heavy, light, tolerance });
      // What runs before the route is known is under it, too. As the window ends, one request may still be on its way there.
      const {
        '(none)': _,
        'GET (route not known)': onItsWay = 0,
        ...before
      } = samplesIn(profile, /middlewareWork/);
      expect(Object.keys(before).toSorted()).toEqual(['GET /burn/heavy/:id', 'GET /burn/light/:id']);
      expectRight(onItsWay < sum(Object.values(before)), { onItsWay, before });
      const cpu = flat(profile, 'cpu/nanoseconds');
      expect(cpu).toBeGreaterThan(0);
      expect(samplesIn(profile, /heavyWork/, 'controller')).toHaveProperty('WorkController');
      expect(samplesIn(profile, /heavyWork/, 'handler')).toHaveProperty('heavy');
      expect(profile.comments).toContain('labels of main: by async context');
    });

    // Of a thousand in `npm run test:all`.
    const count = IS_EXHAUSTIVE ? 1000 : 200;
    it(`keep ${count} concurrent requests with a label of their own apart`, async () => {
      let seen = 0;
      do {
        const profile = await app.profileUnder({ seconds: IS_EXHAUSTIVE ? 3 : 1, hz: 1000 }, count, (index) =>
          app.get(`/burn/labelled/${index}`),
        );
        for (const { stack, labels } of profile.samples) {
          for (const { name } of stack) {
            const [, what, id] = /^(work|inner|after)_(\d+)\b/.exec(name) ?? [];
            // One that began before the capture has no route.
            if (what !== undefined && labels['route'] !== undefined) {
              seen += 1;
              expect({ name, job: labels['job'], kind: labels['kind'], route: labels['route'] }).toEqual({
                name,
                job: what === 'after' ? undefined : expect.stringMatching(new RegExp(`^(${id}|other)$`)),
                kind: { work: 'outer', inner: 'inner', after: undefined }[what],
                route: 'GET /burn/labelled/:id',
              });
            }
          }
        }
        // A thread that has next to no processor has as few samples: then of several windows.
      } while (isStarved() && seen > 0 && seen <= 50);
      expect(seen).toBeGreaterThan(50);
    });

    it('stay with requests that are pipelined on one connection', async () => {
      const socket = await opened(app.url);
      const line = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
      const profile = await app.profileUnder({ seconds: 1, hz: 500 }, 1, async (index) => {
        socket.write(line(`/burn/heavy/${index}`) + line(`/burn/light/${index}`) + line('/none'));
        await read(socket, (text) => text.split('HTTP/1.1 ').length > 3);
      });
      socket.destroy();
      expectOnly(profile, /heavyWork/, 'GET /burn/heavy/:id');
      expectOnly(profile, /lightWork/, 'GET /burn/light/:id');
    });

    it('stay with what fails, redirects, goes on after its answer, or after its client has gone', async () => {
      const profile = await app.profileUnder({ seconds: 1, hz: 500 }, 8, async (index) => {
        const path = ['fails', 'redirects', 'later', 'aborts'][index % 4]!;
        if (path !== 'aborts') {
          return app.get(`/burn/${path}`);
        }
        const socket = await opened(app.url);
        socket.write(`GET /burn/aborts?id=${index} HTTP/1.1\r\nHost: a\r\n\r\n`);
        await app.process.call('arrived', `${index}`);
        socket.destroy();
        return app.process.call('aborted', `${index}`);
      });
      expectOnly(profile, /failWork/, 'GET /burn/fails');
      expectOnly(profile, /redirectWork/, 'GET /burn/redirects');
      expectOnly(profile, /laterWork/, 'GET /burn/later');
      expectOnly(profile, /abortWork/, 'GET /burn/aborts');
    });

    it('are not those of the route that a middleware has kept a request from', async () => {
      const profile = await app.profileUnder({ seconds: 2, hz: 100 }, 50, (index) =>
        app.get(index % 4 === 0 ? '/burn/heavy/denied' : `/burn/heavy/${index}`),
      );
      const none = ['GET (no route)', 'GET (route not known)', '(none)'];
      expect(none).toEqual(expect.arrayContaining(Object.keys(samplesIn(profile, /deniedWork/))));
      const heavy = samplesIn(profile, /heavyWork/);
      expect(['GET /burn/heavy/:id', 'GET (route not known)', '(none)']).toEqual(
        expect.arrayContaining(Object.keys(heavy)),
      );
      // Those that look alike go apart as soon as they have turned out not to be.
      expectRight(heavy['GET /burn/heavy/:id']! > sum(Object.values(heavy)) / 2, heavy);
    });

    it('are not on what a socket does that was upgraded', async () => {
      const socket = await opened(app.url);
      socket.write('GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n');
      await read(socket, (text) => text.endsWith('\r\n\r\n'));
      const profile = await app.profileUnder({ seconds: 1, hz: 500 }, 1, async (index) => {
        const done = read(socket, (text) => text === 'done');
        socket.write('work');
        await Promise.all([done, app.get(`/burn/light/${index}`)]);
      });
      socket.destroy();
      expect(Object.keys(samplesIn(profile, /upgradeWork/))).toEqual(['(none)']);
      expectOnly(profile, /lightWork/, 'GET /burn/light/:id');
    });

    it('have those of a decorated method', async () => {
      const profile = await app.profileUnder({ seconds: 1, hz: 500 }, 2, () => app.get('/burn/decorated'));
      expect(samplesIn(profile, /decoratedWork/, 'decorated')).toHaveProperty('true');
      expectOnly(profile, /decoratedWork/, 'GET /burn/decorated');
    });

    it('disturb no store of the application: its own, nestjs-cls, OpenTelemetry', async () => {
      const ask = async (index: number) => {
        const id = `s${index}`;
        const { text } = await app.get(`/burn/stores/${id}`);
        return { expected: id, ...(JSON.parse(text) as object) };
      };
      const unlabelled = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(index)));
      const seen: object[] = [];
      await app.profileUnder({ seconds: 1, hz: 100 }, 50, async (index) => seen.push(await ask(index)));
      const afterwards = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(index)));
      const all = [...unlabelled, ...seen, ...afterwards] as {
        expected: string;
        before: string[];
        after: string[];
        within: string[];
      }[];
      for (const { expected, ...stores } of all) {
        const right = [expected, expected, expected, expected];
        expect(stores).toEqual({ before: right, after: right, within: right });
      }
      expect(seen.length).toBeGreaterThan(50);
    });

    it('are left out with labels=false', async () => {
      const labelled = app.profile({ seconds: labelledWindow(1), hz: 500 });
      const profile = await app.profileUnder({ seconds: 1, hz: 500, labels: 'false' }, 8, (index) =>
        app.get(index % 2 === 0 ? `/burn/heavy/${index}` : `/burn/light/${index}`),
      );
      expect(Object.keys(samplesIn(profile, /heavyWork/))).toEqual(['(none)']);
      expect(profile.comments.join('\n')).not.toMatch(/label/);
      // Another capture at the same time has its own.
      expectOnly(await labelled, /heavyWork/, 'GET /burn/heavy/:id');
    });
  });
});
