import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Options, transformFile } from '@swc/core';
import { temporaryDirectory } from './temporary.directory.js';

const run = promisify(execFile);
const nest = createRequire(import.meta.url).resolve('@nestjs/cli/bin/nest.js');
const e2e = fileURLToPath(new URL('..', import.meta.url));

/** A user's project, with a directory of its own that is built in. */
export class NestProject {
  private constructor(readonly directory: string) {}

  /** A copy of fixtures/nest-app. */
  static async create(): Promise<NestProject> {
    const directory = await temporaryDirectory('nest app-');
    await cp(join(e2e, 'fixtures/nest-app'), directory, { recursive: true });
    await symlink(join(e2e, 'node_modules'), join(directory, 'node_modules'));
    return new NestProject(directory);
  }

  /** Absolute path of a file in the project. */
  path(file: string): string {
    return join(this.directory, file);
  }

  async write(file: string, text: string): Promise<void> {
    await writeFile(this.path(file), text);
  }

  async setCompilerOptions(options: object): Promise<void> {
    const config = JSON.parse(await readFile(this.path('tsconfig.json'), 'utf8')) as {
      compilerOptions: object;
    };
    await this.write(
      'tsconfig.json',
      JSON.stringify({ ...config, compilerOptions: { ...config.compilerOptions, ...options } }),
    );
  }

  async nestBuild(...args: string[]): Promise<void> {
    await run(process.execPath, [nest, 'build', ...args], { cwd: this.directory }).catch(
      (error: Error & { stdout?: string; stderr?: string }) => {
        throw new Error(`nest build ${args.join(' ')}: ${error.message}\n${error.stdout}\n${error.stderr}`);
      },
    );
  }

  /** With the options that `nest build --builder swc` has. */
  async swcBuild(options: Options): Promise<void> {
    for (const file of await readdir(this.path('src'))) {
      const out = this.path(`dist/${file.replace(/\.ts$/, '.js')}`);
      const { code, map } = await transformFile(this.path(`src/${file}`), {
        swcrc: false,
        sourceMaps: true,
        sourceFileName: `../src/${file}`,
        module: { type: 'commonjs' },
        ...options,
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
      });
      await mkdir(dirname(out), { recursive: true });
      if (options.sourceMaps === 'inline') {
        await writeFile(out, code);
      } else {
        await writeFile(out, `${code}\n//# sourceMappingURL=${file.replace(/\.ts$/, '.js.map')}\n`);
        await writeFile(`${out}.map`, map ?? '');
      }
    }
  }
}
