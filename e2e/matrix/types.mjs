// Compiles an application against the declarations of the packed package, strictly, and the declarations themselves.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, install, run } from './checks.mjs';

const COMPILERS = { 'typescript-5': '~5.9.0', 'typescript-6': '~6.0.0' };
const CONSUMER = 'types.consumer.ts';
const OPTIONS =
  '--noEmit --strict --skipLibCheck false --target es2022 --types node --experimentalDecorators';

/** Module and module resolution, and how the application is resolved: as an ES module or as CommonJS. */
const RESOLUTIONS = [
  { module: 'node16', resolution: 'node16', type: 'module' },
  { module: 'nodenext', resolution: 'nodenext', type: 'module' },
  { module: 'nodenext', resolution: 'nodenext', type: 'commonjs' },
  { module: 'preserve', resolution: 'bundler', type: 'module' },
];

export function checkTypes(tarball, directory) {
  const nodeTypes = { '@types/node': '^20.19.0' };
  const compilers = Object.entries(COMPILERS).map(([name, version]) => [name, `npm:typescript@${version}`]);
  const nest = { '@nestjs/common': '^12.0.0', 'reflect-metadata': '^0.2.2', rxjs: '^7.8.2' };
  for (const type of new Set(RESOLUTIONS.map((each) => each.type))) {
    const place = join(directory, type);
    const dependencies = { 'nestjs-pprof': `file:${tarball}`, ...nest, ...nodeTypes };
    const isInstalled = check(`install for the types, in ${type}`, () => {
      install(place, { ...dependencies, ...Object.fromEntries(compilers) }, { type });
      cpSync(fileURLToPath(new URL(CONSUMER, import.meta.url)), join(place, CONSUMER));
    });
    for (const { module, resolution } of isInstalled
      ? RESOLUTIONS.filter((each) => each.type === type)
      : []) {
      for (const [compiler] of compilers) {
        const args = [...OPTIONS.split(' '), '--module', module, '--moduleResolution', resolution, CONSUMER];
        check(`types, ${compiler}, ${resolution}, ${type}`, () =>
          run(process.execPath, [`node_modules/${compiler}/bin/tsc`, ...args], place),
        );
      }
    }
  }
}
