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

export default {
  projects: [
    {
      ...base,
      displayName: 'unit',
      rootDir: 'packages/nestjs-pprof',
      testMatch: ['<rootDir>/src/**/*.spec.ts'],
    },
    {
      ...base,
      displayName: 'e2e',
      rootDir: 'e2e',
      testMatch: ['<rootDir>/**/*.e2e-spec.ts'],
      modulePathIgnorePatterns: ['<rootDir>/fixtures/'],
    },
  ],
  testTimeout: 60_000,
  // Most tests wait for other processes: with one worker less than there are processors, Jest would leave them idle.
  maxWorkers: '100%',
  // Names every test, also those that are skipped: a newcomer without Go is told why.
  verbose: true,
};
