// An application that is started in an unusual way: bundled, from a zip file, from a folder that is removed. Says what has
// become of its profiler, as JSON: its status, the statuses of what it serves, and the warnings. Environment: PPROF_ENABLED,
// PPROF_OOM_DIRECTORY (then it runs out of memory), REMOVED (a directory to remove before the first request).
import 'reflect-metadata';
import { existsSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { ConsoleLogger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PprofModule, PprofService } from 'nestjs-pprof';

const { PPROF_ENABLED, PPROF_OOM_DIRECTORY, REMOVED } = process.env;
const outOfMemory = PPROF_OOM_DIRECTORY ? { outOfMemory: { directory: PPROF_OOM_DIRECTORY } } : {};

const warnings = [];
class Logger extends ConsoleLogger {
  warn(message) {
    warnings.push(message);
  }
  error(message) {
    warnings.push(message);
  }
}

class AppModule {}
Module({
  imports: [PprofModule.forRoot({ enabled: PPROF_ENABLED !== 'false', port: 0, ...outOfMemory })],
})(AppModule);

async function run() {
  // A process that has nothing to do ends, with its profiler.
  const busy = setInterval(() => undefined, 1000);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: new Logger() });
  const service = app.get(PprofService, { strict: false });
  while (service.status.state === 'starting') {
    await setTimeout(10);
  }
  if (REMOVED) {
    rmSync(REMOVED, { recursive: true });
  }
  const { state, reason, address } = service.status;
  const served = {};
  for (const path of address ? ['', 'profile?seconds=1', 'heap', 'goroutine', 'ui/'] : []) {
    const response = await fetch(`${address.url}${path}`);
    await response.arrayBuffer();
    served[path] = response.status;
  }
  console.log(
    JSON.stringify({ state, reason, served, warnings, isRemoved: REMOVED ? !existsSync(REMOVED) : false }),
  );
  if (PPROF_OOM_DIRECTORY) {
    fillMemory();
  }
  await app.close();
  clearInterval(busy);
}

function fillMemory() {
  const kept = [];
  for (;;) {
    kept.push(Array.from({ length: 1000 }, Math.random));
  }
}

void run();
