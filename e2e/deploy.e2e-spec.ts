import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { profilingUrl, startExample } from './support/example.app.js';
import { onceServed, request } from './support/http.request.js';
import { decodeProfile } from './support/pprof.profile.js';

const { loadAll } = createRequire(import.meta.url)('js-yaml') as { loadAll(text: string): unknown[] };

const DEPLOY = fileURLToPath(new URL('../deploy/', import.meta.url));

function read(file: string): Promise<string> {
  return readFile(join(DEPLOY, file), 'utf8');
}

interface ParcaTarget {
  readonly path: string;
  readonly delta?: boolean;
}

interface ParcaScrape {
  readonly scrape_interval: string;
  readonly scrape_timeout: string;
  readonly static_configs: readonly { readonly targets: readonly string[] }[];
  readonly profiling_config: { readonly pprof_config: Readonly<Record<string, ParcaTarget>> };
}

interface Collector {
  readonly receivers: Readonly<Record<string, { readonly remote: { readonly endpoint: string } }>>;
}

/** Hosts that a scrape block asks, and what for; `seconds` where it is a profile of a window. */
interface Scrape {
  readonly targets: readonly string[];
  readonly paths: readonly string[];
}

/** Windows are cut down to a second: it is the path that is tested. */
const WINDOW = '?seconds=1';

async function alloyScrape(): Promise<Scrape> {
  const text = await read('alloy/config.alloy');
  const blocks = [...text.matchAll(/^\s*profile\.\w+ \{\n([^}]*)\}/gm)].map(([, body = '']) => body);
  return {
    targets: [...text.matchAll(/"__address__" = "([^"]+)"/g)].map(([, address = '']) => address),
    paths: blocks.map((body) => {
      const path = /^\s*path\s+= "([^"]+)"/m.exec(body)?.[1] ?? '';
      return /^\s*delta\s+= true/m.test(body) ? path + WINDOW : path;
    }),
  };
}

async function parcaScrape(): Promise<Scrape> {
  const [config] = loadAll(await read('parca/parca.yaml')) as [{ scrape_configs: readonly ParcaScrape[] }];
  const scrapes = config.scrape_configs;
  return {
    targets: scrapes.flatMap((scrape) => scrape.static_configs.flatMap(({ targets }) => targets)),
    paths: scrapes.flatMap(({ profiling_config: { pprof_config: profiles } }) =>
      Object.values(profiles).map(({ path, delta }) => (delta ? path + WINDOW : path)),
    ),
  };
}

async function collectorScrape(): Promise<Scrape> {
  const [config] = loadAll(await read('opentelemetry/collector.yaml')) as [Collector];
  const urls = Object.values(config.receivers).map(({ remote }) => new URL(remote.endpoint));
  return {
    targets: urls.map(({ host }) => host),
    paths: urls.map(({ pathname, search }) => (search === '' ? pathname : pathname + WINDOW)),
  };
}

let url: string;

beforeAll(async () => {
  url = await profilingUrl((await startExample()).process);
});

describe.each([
  { name: 'alloy/config.alloy', scrape: alloyScrape, count: 5 },
  { name: 'parca/parca.yaml', scrape: parcaScrape, count: 5 },
  { name: 'opentelemetry/collector.yaml', scrape: collectorScrape, count: 2 },
])('the scrape block of deploy/$name', ({ scrape, count }) => {
  let found: Scrape;

  beforeAll(async () => {
    found = await scrape();
  });

  it('asks the loopback address, under a name that is let in', async () => {
    expect(found.targets.length).toBeGreaterThan(0);
    for (const target of found.targets) {
      expect(target).toMatch(/^(127\.0\.0\.1|localhost):6060$/);
      const { status } = await request(`${url}/debug/pprof/`, { headers: { host: target } });
      expect([target, status]).toEqual([target, 200]);
    }
  });

  it('asks for profiles that are there', async () => {
    expect(found.paths).toHaveLength(count);
    const responses = await Promise.all(
      found.paths.map(async (path) => ({ path, ...(await onceServed(() => request(url + path))) })),
    );
    for (const { path, status, headers, body, text } of responses) {
      expect({ path, status, type: headers['content-type'], text: status === 200 ? '' : text }).toEqual({
        path,
        status: 200,
        type: 'application/octet-stream',
        text: '',
      });
      expect(decodeProfile(body).sampleTypes.length).toBeGreaterThan(0);
    }
  });
});

describe('the manifests in deploy/', () => {
  it.each(['kubernetes', 'compose'])(
    '%s: are YAML, and mount scrape blocks that there are',
    async (directory) => {
      const files = await readdir(join(DEPLOY, directory));
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        const text = await read(join(directory, file));
        expect(loadAll(text).every((document) => typeof document === 'object')).toBe(true);
        const named = [...text.matchAll(/(?:deploy|\.\.)\/((?:alloy|parca)\/\w+\.\w+)/g)].map(
          ([, path = '']) => path,
        );
        expect(named.length).toBeGreaterThan(0);
        await Promise.all(named.map(read));
        expect(text).not.toMatch(/(containerPort: |:)6060\b(?!')/);
      }
    },
  );
});
