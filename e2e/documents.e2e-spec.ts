import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProfileKind } from '../packages/nestjs-pprof/src/thread/profiles/recording.kind.js';
import { killProcesses } from './support/app.process.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { onceServed, request, type Response } from './support/http.request.js';
import { KINDS } from './support/served.kinds.js';

// What people copy from the documents: links, files, scripts, addresses.

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Where a path in a document may begin: at the root, or where the document says that it does. */
const FOLDERS = ['apps', 'bench', 'deploy', 'docs', 'e2e', 'packages', 'scripts'];
const BASES = ['', 'packages/nestjs-pprof/src', 'e2e', 'bench'];

const DOCUMENTS = documentsIn('').map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));

function documentsIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return ['node_modules', 'dist', '.git'].includes(entry.name) ? [] : documentsIn(path);
    }
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** What is made: by a build, by a release, by whoever deploys. */
const IS_MADE = /\/dist\b|\.env$|\/CHANGELOG\.md$/;

/** What the first group of a pattern matches, each once. */
function allIn(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, found]) => found!))];
}

/** The anchors of the headings, as GitHub makes them. */
function anchorsIn(text: string): string[] {
  return allIn(text, /^#+ +(.*)$/gm).map((heading) =>
    heading
      .trim()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}

/** All that is off otherwise. */
const OPTIONS = { heapSnapshot: true, flightRecorder: {}, maxCaptures: 100 };

const ADDRESS = /\b(?:127\.0\.0\.1|localhost):6060(\/[^\s'"`)>|]*)/g;

describe.each(DOCUMENTS)('$file', ({ file, text }) => {
  it('has links that lead somewhere', () => {
    const broken = allIn(text, /\]\((?!https?:)([^)\s]+)\)/g).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(ROOT, file) : join(ROOT, dirname(file), path);
      if (!existsSync(target)) {
        return !IS_MADE.test(target);
      }
      return anchor !== undefined && !anchorsIn(readFileSync(target, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names files that are there', () => {
    const isThere = (path: string) => BASES.some((base) => existsSync(join(ROOT, base, path)));
    const named = allIn(
      text,
      new RegExp(String.raw`(?<![\w/.@-])((?:${FOLDERS.join('|')})/[\w./-]*\w)`, 'g'),
    );
    expect(named.filter((path) => !isThere(path) && !IS_MADE.test(path))).toEqual([]);
  });

  it('names scripts that are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const named = [...allIn(text, /\bnpm run ([\w:-]+)/g), ...allIn(text, /\bnpm (start|test)\b/g)];
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  it('has quotes around addresses that a shell would take apart', () => {
    const blocks = allIn(text, /^```(?:sh|bash|console)\n([^]*?)^```$/gm);
    const lines = blocks.flatMap((block) => block.split('\n')).map((line) => line.replace(/(^|\s)#.*/, ''));
    expect(lines.filter((line) => /(?<!['"][^'"]*)https?:\/\/\S*[?&]/.test(line))).toEqual([]);
  });
});

describe('the examples in the documents', () => {
  it('have a ConfigModule that is global, as their factories inject ConfigService and import nothing', () => {
    const modules = DOCUMENTS.flatMap(({ text }) => allIn(text, /(ConfigModule\.forRoot\([^)]*)/g));
    expect(modules.length).toBeGreaterThan(1);
    expect(modules.filter((module) => !module.includes('isGlobal: true'))).toEqual([]);
  });
});

describe('the addresses in the documents', () => {
  /** Also without a host, as `profile?seconds=5`. */
  const asked = [
    ...DOCUMENTS.flatMap(({ text }) => allIn(text, ADDRESS)),
    ...DOCUMENTS.flatMap(({ text }) =>
      allIn(text, /(?<![\w/.])(\w+\?\w+=[\w.,:-]+(?:&\w+=[\w.,:-]+)*)/g)
        .filter((target) => KINDS.some(({ name }) => target.startsWith(`${name}?`)))
        .map((target) => `/debug/pprof/${target}`),
    ),
  ];
  // Placeholders stand for what is not known.
  const addresses = [...new Set(asked.map((address) => address.replace(/[.,;:]+$/, '')))].filter(
    (address) => !/=[A-Z]|\.\.\.|…|\/\//.test(address) && !address.includes('seconds=14&'),
  );
  const answers = new Map<string, Response>();

  beforeAll(async () => {
    const origin = await profilerOf(startFixture('http', OPTIONS));
    const ask = async (address: string) => {
      // One second says as much as thirty, and the last minute as much as one of a night long past.
      const short = address
        .replace(/seconds=[\d.]+/, 'seconds=1')
        .replace(/past=\d+(&until=[^&]*)?/, 'past=60');
      const isOfThirty = /\/profile(?!.*(seconds|past)=)/.test(short);
      const target = isOfThirty ? `${short}${short.includes('?') ? '&' : '?'}seconds=1` : short;
      answers.set(address, await onceServed(() => request(origin + target)));
    };
    const isAlone = (address: string) => /\/(allocs|trace|heapsnapshot)\b|\bpast=/.test(address);
    await Promise.all(addresses.filter((address) => !isAlone(address)).map(ask));
    for (const address of addresses.filter(isAlone)) {
      await ask(address);
    }
  });
  afterAll(killProcesses);

  it('are more than a few', () => expect(addresses.length).toBeGreaterThan(10));

  it.each(addresses)('%s is answered', (address) => {
    const { status = 0, text = '' } = answers.get(address) ?? {};
    expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  });

  it.each(addresses.filter((address) => address.includes('?')))('%s has known parameters', (address) => {
    const { pathname, searchParams } = new URL(address, 'http://localhost');
    const name = pathname.split('/').at(-1)!;
    const known = [...(OTHERS[name] ?? []), ...parametersOf(KINDS.find((kind) => kind.name === name))];
    expect(known).toEqual(expect.arrayContaining([...searchParams.keys()]));
  });
});

/** Of what is no profile; and what a profile may be asked for besides. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  profile: ['past', 'until'],
  incidents: ['format', 'debug'],
  trace: ['seconds', 'categories'],
  heapsnapshot: ['threads'],
};

function parametersOf(kind: ProfileKind | undefined): string[] {
  const { formats = [], ...parameters } = kind?.parameters ?? {};
  return [
    ...Object.entries(parameters).flatMap(([name, value]) => (value ? [name] : [])),
    ...(formats.length > 1 ? ['format'] : []),
  ];
}
