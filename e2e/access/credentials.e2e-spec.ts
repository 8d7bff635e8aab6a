import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AppProcess } from '../support/app.process.js';
import { curl, describeWithCurl } from '../support/curl.tool.js';
import { type Inside, profilerOf, startFixture } from '../support/fixture.app.js';
import { describeWithGo, goToolPprof } from '../support/go.tool.js';
import { onceServed, request } from '../support/http.request.js';
import { decodeProfile } from '../support/pprof.profile.js';

const auth = { username: 'ops', password: 'hunter2@ß' };

let app: AppProcess;
let origin: string;

beforeAll(async () => {
  app = startFixture('http', { auth });
  origin = await profilerOf(app);
});

afterAll(() => {
  // Whatever has been asked in this file: the log has no credentials.
  expect(app.output).not.toMatch(/hunter2|ops/);
});

function basic(text: string) {
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

const GOOD = basic('ops:hunter2@ß');

describe('credentials', () => {
  it.each<[string, Record<string, string>]>([
    ['none', {}],
    ['a wrong password', basic('ops:hunter2')],
    ['a wrong user', basic('Ops:hunter2@ß')],
    ['another scheme', { authorization: 'Bearer hunter2@ß' }],
    ['no base64', { authorization: 'Basic ops:hunter2@ß' }],
  ])('%s: 401 with a challenge, whatever is asked for, and nothing is started', async (_name, headers) => {
    const { addonFiles } = await app.call<Inside>('inside');
    for (const [method, path] of [
      ['GET', '/debug/pprof/'],
      ['GET', '/debug/pprof'],
      ['GET', '/debug/pprof/profile?seconds=1'],
      ['GET', '/debug/pprof/nothing'],
      ['GET', '/debug/vars'],
      ['HEAD', '/debug/pprof/heap'],
      ['DELETE', '/debug/pprof/heap'],
    ] as const) {
      const response = await request(`${origin}${path}`, { method, headers });
      expect([method, path, response.status]).toEqual([method, path, 401]);
      expect(response.headers).toMatchObject({
        'www-authenticate': expect.stringMatching(/^Basic realm="[^"]+"/),
        'content-type': 'text/plain; charset=utf-8',
        'x-go-pprof': '1',
        'cache-control': 'no-store',
      });
      expect(response.text).toMatch(method === 'HEAD' ? /^$/ : /^credentials needed[^\n]*\n$/);
    }
    expect((await app.call<Inside>('inside')).addonFiles).toEqual(addonFiles);
    expect(await app.call('samplerRuns')).toBe(false);
  });

  it('a foreign host is refused before credentials are looked at', async () => {
    const headers = { ...GOOD, host: 'evil.com' };
    expect((await request(`${origin}/debug/pprof/`, { headers })).status).toBe(403);
  });

  it('good ones pass, and nothing that is answered then repeats them', async () => {
    for (const path of ['/debug/pprof/', '/debug/pprof/cmdline', '/debug/vars', '/debug/pprof/nothing']) {
      const { status, text } = await request(`${origin}${path}`, { headers: GOOD });
      expect(status).toBe(path.endsWith('nothing') ? 404 : 200);
      expect(text).not.toMatch(/hunter2|\bops\b/);
    }
    const { body } = await onceServed(() => request(`${origin}/debug/pprof/goroutine`, { headers: GOOD }));
    expect(decodeProfile(body).comments.join('\n')).not.toMatch(/hunter2|\bops\b/);
  });
});

describe('options whose credentials are not valid', () => {
  it('fail at start-up with an error that does not repeat them', async () => {
    const options = startFixture('options');
    for (const wrong of ['ops:hunter2', { username: 'ops:hunter2', password: 'hunter2\n' }, ['hunter2']]) {
      const error = await options.call<{ name: string; message: string }>('startWith', { auth: wrong });
      expect(error.name).toBe('PprofOptionsError');
      expect(error.message).toContain('auth');
      expect(error.message).not.toContain('hunter2');
    }
  });
});

describeWithCurl('curl with credentials', () => {
  it('-u passes', async () => {
    expect(await curl('-u', 'ops:hunter2@ß', `${origin}/debug/pprof/symbol`)).toBe('num_symbols: 1\n');
  });
});

describeWithGo('go tool pprof with credentials', () => {
  const at = (credentials: string) =>
    `${origin.replace('http://127.0.0.1', `http://${credentials}localhost`)}/debug/pprof/profile?seconds=1`;

  it('takes a profile where they are in the URL', async () => {
    const { stdout, warnings } = await goToolPprof('-raw', at(`ops:${encodeURIComponent('hunter2@ß')}@`));
    expect(stdout).toContain(`nestjs-pprof: profile of pid ${app.pid}`);
    expect(warnings).toEqual([]);
  });

  it('says what is missing where they are not', async () => {
    await expect(goToolPprof('-raw', at(''))).rejects.toThrow(/401 Unauthorized.*credentials needed/s);
    await expect(goToolPprof('-raw', at('ops:wrong@'))).rejects.toThrow(
      /401 Unauthorized.*credentials needed/s,
    );
  });
});
