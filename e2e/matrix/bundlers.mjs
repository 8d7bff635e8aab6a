// The ways to make one file of an application: each bundles app.mjs or app.cjs of a project.
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { nodeBinary, run, toolDirectory } from './checks.mjs';

/** What Nest loads where it is installed, which it is not. */
const OPTIONAL = [
  '@nestjs/microservices',
  '@nestjs/websockets',
  '@nestjs/platform-express',
  'class-validator',
  'class-transformer',
];

/** The entry as an ES module takes the package's ES modules, that in CommonJS the others. */
export function bundlers() {
  return [
    { title: 'esbuild to CommonJS', file: 'esbuild.cjs', bundle: esbuild('app.mjs', { format: 'cjs' }) },
    { title: 'esbuild to an ES module', file: 'esbuild.mjs', bundle: esbuild('app.mjs', { format: 'esm' }) },
    {
      title: 'esbuild of CommonJS, minified',
      file: 'esbuild-require.cjs',
      bundle: esbuild('app.cjs', { format: 'cjs', minify: true }),
    },
    { title: 'webpack without externals', file: 'webpack.cjs', bundle: webpack('./app.mjs') },
    { title: 'webpack of CommonJS', file: 'webpack-require.cjs', bundle: webpack('./app.cjs') },
    { title: 'ncc', file: 'ncc/index.mjs', bundle: ncc },
    ...(process.platform === 'linux'
      ? [
          {
            title: 'a single executable',
            file: 'single-executable',
            bundle: singleExecutable,
            isProgram: true,
          },
        ]
      : []),
  ];
}

function esbuild(entry, options) {
  return (project, outfile) => {
    const external = OPTIONAL.flatMap((name) => [name, `${name}/*`]);
    const entryPoints = [join(project, entry)];
    buildSync({
      ...options,
      entryPoints,
      outfile,
      external,
      bundle: true,
      platform: 'node',
      logLevel: 'error',
    });
  };
}

/** In a process of its own, as its interface is asynchronous. */
function webpack(entry) {
  return (project, outfile) => {
    const isOptional = `(name) => ${JSON.stringify(OPTIONAL)}.some((optional) => name.startsWith(optional))`;
    const configuration = `({
      mode: 'production', target: 'node', entry: ${JSON.stringify(entry)}, externals: [], context: ${JSON.stringify(project)},
      output: { path: ${JSON.stringify(dirname(outfile))}, filename: ${JSON.stringify(outfile.split('/').at(-1))} },
      plugins: [new webpack.IgnorePlugin({ checkResource: ${isOptional} })],
    })`;
    const program = `
      import webpack from ${JSON.stringify(import.meta.resolve('webpack'))};
      webpack(${configuration}, (error, stats) => {
        if (error ?? stats.hasErrors()) throw error ?? new Error(stats.toString());
      });`;
    run(process.execPath, ['--input-type=module', '--eval', program], project);
  };
}

function ncc(project, outfile) {
  const cli = join(toolDirectory('@vercel/ncc', '0.38'), 'dist/ncc/cli.js');
  run(process.execPath, [cli, 'build', 'app.mjs', '--out', dirname(outfile)], project);
}

/** https://nodejs.org/api/single-executable-applications.html */
function singleExecutable(project, outfile) {
  const script = `${outfile}.cjs`;
  esbuild('app.mjs', { format: 'cjs' })(project, script);
  const blob = `${outfile}.blob`;
  const configuration = `${outfile}.json`;
  writeFileSync(
    configuration,
    JSON.stringify({ main: script, output: blob, disableExperimentalSEAWarning: true }),
  );
  const node = nodeBinary('24');
  run(node, ['--experimental-sea-config', configuration], project);
  copyFileSync(node, outfile);
  chmodSync(outfile, 0o755);
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
  const postject = join(toolDirectory('postject', '1.0.0-alpha.6'), 'dist/cli.js');
  run(process.execPath, [postject, outfile, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse], project);
}
