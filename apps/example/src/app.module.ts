import { fileURLToPath } from 'node:url';
import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { PprofModule } from 'nestjs-pprof';
import { AccountsModule } from './accounts/accounts.module.js';
import { type Environment, validateEnvironment } from './config/environment.js';
import { FaultsModule } from './faults/faults.module.js';
import { HealthModule } from './health/health.module.js';
import { ImportsModule } from './imports/imports.module.js';
import { OrdersModule } from './orders/orders.module.js';
import { ReportsModule } from './reports/reports.module.js';
import { SessionsModule } from './sessions/sessions.module.js';

@Module({
  imports: [
    ConfigModule.forRoot({
      isGlobal: true,
      // Relative to the app's folder: `npm start` runs it from the root of the repository.
      envFilePath: fileURLToPath(new URL('../.env', import.meta.url)),
      validate: validateEnvironment,
    }),
    PprofModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService<Environment, true>) => {
        const directory = config.get('PPROF_OOM_DIRECTORY', { infer: true });
        return {
          enabled: config.get('PPROF_ENABLED', { infer: true }),
          host: config.get('PPROF_HOST', { infer: true }),
          port: config.get('PPROF_PORT', { infer: true }),
          flightRecorder: config.get('PPROF_FLIGHT_RECORDER', { infer: true }) ? {} : false,
          outOfMemory: directory === '' ? false : { directory },
        };
      },
    }),
    HealthModule,
    OrdersModule,
    ReportsModule,
    AccountsModule,
    ImportsModule,
    SessionsModule,
    FaultsModule,
  ],
})
export class AppModule {}
