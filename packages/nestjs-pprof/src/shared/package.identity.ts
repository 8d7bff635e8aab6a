/** What the programs of this package tell each other by: the same as in package.json, where a release raises it, and a test checks that. @internal */
export const PACKAGE = { name: 'nestjs-pprof', version: '1.0.0-rc.0' } as const;
