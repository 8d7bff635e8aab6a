// An ES module application, on Express. app.cjs is the same in CommonJS, on Fastify.
import 'reflect-metadata';
import { setFlagsFromString } from 'node:v8';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PprofModule } from 'nestjs-pprof';

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

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
turn();
