import { beforeAll, describe, expect, it } from '@jest/globals';
import { profilerOf, startFixture } from '../support/fixture.app.js';
import { request, served } from '../support/http.request.js';

let origin: string;

beforeAll(async () => {
  origin = await profilerOf(startFixture('http', { profiles: ['goroutine', 'profile'] }));
});

describe('the option profiles', () => {
  it.each(['profile?seconds=1', 'goroutine', 'cmdline', 'symbol'])('leaves %s', async (path) => {
    expect((await served(`${origin}/debug/pprof/${path}`)).status).toBe(200);
  });

  it.each(['heap', 'heap?seconds=0', 'block?seconds=1', 'threadcreate?debug=1'])(
    'switches %s off, whatever its parameters, and says so',
    async (path) => {
      const [name] = path.split('?');
      expect(await request(`${origin}/debug/pprof/${path}`)).toMatchObject({
        status: 404,
        text: `Unknown profile: "${name}" is switched off by the option profiles of this service\n`,
        headers: { 'x-go-pprof': '1', 'content-type': 'text/plain; charset=utf-8' },
      });
    },
  );

  it('keeps what is switched off out of the index page', async () => {
    const { text } = await request(`${origin}/debug/pprof/`);
    const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, link]) => link);
    expect(links).toEqual(expect.arrayContaining(['profile', 'goroutine', 'goroutine?debug=2', 'cmdline']));
    expect(links.filter((link) => /heap|block|threadcreate/.test(link!))).toEqual([]);
  });
});
