// A CommonJS application, on Fastify. app.mjs is the same as an ES module, on Express.
require('reflect-metadata');
const { setFlagsFromString } = require('node:v8');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const { PprofModule } = require('nestjs-pprof');

// See fixtures/apps/hot.mjs.
setFlagsFromString('--no-turbo-inlining');
setFlagsFromString('--max-inlined-bytecode-size=0');

class AppModule {}
Module({ imports: [PprofModule.forRoot({ port: 0 })] })(AppModule);

function crunchNumbers() {
  let x = 1;
  for (let i = 0; i < 500_000; i += 1) {
    x = Math.imul(x, 1103515245) + 12345;
  }
  return x;
}

function turn() {
  crunchNumbers();
  setImmediate(turn);
}

async function main() {
  const app = await NestFactory.create(AppModule, new FastifyAdapter());
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  turn();
}

main();
