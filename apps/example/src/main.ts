import { Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import type { Environment } from './config/environment.js';

const app = await NestFactory.create(AppModule);
const config = app.get<ConfigService<Environment, true>>(ConfigService);

const prefix = config.get('GLOBAL_PREFIX', { infer: true });
if (prefix !== '') {
  app.setGlobalPrefix(prefix);
}
app.enableShutdownHooks();

await app.listen(config.get('PORT', { infer: true }), config.get('HOST', { infer: true }));
// With PORT=0 only the listener knows the port: scripts and tests read it from this line.
new Logger('Example').log(`Example listening on ${await app.getUrl()}`);
