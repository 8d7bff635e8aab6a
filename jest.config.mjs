import { availableParallelism } from 'node:os';

// Jest with Nest 12, which is ESM only: swc to ES modules, run under --experimental-vm-modules (see package.json).
const base = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'es6' },
        sourceMaps: 'inline',
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
      },
    ],
  },
};

const e2e = {
  ...base,
  rootDir: 'e2e',
  modulePathIgnorePatterns: ['<rootDir>/fixtures/'],
  setupFilesAfterEnv: ['<rootDir>/support/test.timeout.ts'],
};

export default {
  projects: [
    {
      ...base,
      displayName: 'unit',
      roots: ['<rootDir>/packages/nestjs-pprof/src', '<rootDir>/bench'],
      testMatch: ['**/*.spec.ts', '**/*.spec.mjs'],
    },
    {
      ...e2e,
      displayName: 'e2e',
      testMatch: ['<rootDir>/**/!(*.full).e2e-spec.ts'],
    },
    {
      ...e2e,
      // Full tables, many runs, soaks: what is too long for `npm test`.
      displayName: 'full',
      testMatch: ['<rootDir>/**/*.full.e2e-spec.ts'],
    },
  ],
  testTimeout: 60_000,
  // Most tests wait for windows of a second, or for other processes: with one worker a processor, these would idle.
  // A number: Jest takes a percentage above 100 for that many workers.
  maxWorkers: availableParallelism() + 2,
  reporters: ['<rootDir>/scripts/test.reporter.mjs'],
};
