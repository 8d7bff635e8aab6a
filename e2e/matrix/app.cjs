// A CommonJS application on the platform that it is told, `express` unless one is. app.mjs is the same as an ES module.
require('reflect-metadata');
const { setFlagsFromString } = require('node:v8');
const { Controller, Get, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { PprofModule } = require('nestjs-pprof');

// See fixtures/apps/hot.mjs.
setFlagsFromString('--no-turbo-inlining');
setFlagsFromString('--max-inlined-bytecode-size=0');

function crunchNumbers() {
  let x = 1;
  for (let i = 0; i < 20_000; i += 1) {
    x = Math.imul(x, 1103515245) + 12345;
  }
  return x;
}

class CatsController {
  one() {
    const end = performance.now() + 5;
    let cats = 0;
    while (performance.now() < end) {
      cats += crunchNumbers();
    }
    return String(cats);
  }
}
Get(':id')(CatsController.prototype, 'one', Object.getOwnPropertyDescriptor(CatsController.prototype, 'one'));
Controller('cats')(CatsController);

class AppModule {}
Module({ imports: [PprofModule.forRoot({ port: 0 })], controllers: [CatsController] })(AppModule);

// Often rather than long: V8 of Node 22 and 24 tells a profiler nothing of a loop that it was in already.
function turn() {
  for (let i = 0; i < 25; i += 1) {
    crunchNumbers();
  }
  setImmediate(turn);
}

async function main() {
  const isFastify = process.argv[2] === 'fastify';
  const adapter = isFastify ? [new (require('@nestjs/platform-fastify').FastifyAdapter)()] : [];
  const app = await NestFactory.create(AppModule, ...adapter);
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  console.log(`Application on ${await app.getUrl()}`);
  turn();
}

main();
