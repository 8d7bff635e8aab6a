import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { maskSecrets } from './secrets.mask.js';

describe('maskSecrets', () => {
  it.each([
    ['--password=hunter2', '--password=***'],
    ['--PASSWORD=hunter2', '--PASSWORD=***'],
    ['-password=hunter2', '-password=***'],
    ['--db.password=hunter2', '--db.password=***'],
    ['--db-pwd=hunter2', '--db-pwd=***'],
    ['--passphrase=a b c', '--passphrase=***'],
    ['--token=a=b==', '--token=***'],
    ['--api-key=1', '--api-key=***'],
    ['--api_key=1', '--api_key=***'],
    ['--apiKey=1', '--apiKey=***'],
    ['--aws-access-key=1', '--aws-access-key=***'],
    ['--private-key=1', '--private-key=***'],
    ['--client-secret=1', '--client-secret=***'],
    ['--credentials=1', '--credentials=***'],
    ['--basic-auth=u:p', '--basic-auth=***'],
    ['TOKEN=1', 'TOKEN=***'],
    ['-DPASSWORD=1', '-DPASSWORD=***'],
    ['--password=', '--password=***'],
    ['--token=line\nbreak', '--token=***'],
  ])('masks the value of %j', (argument, masked) => {
    expect(maskSecrets(['node', 'main.js', argument])).toEqual(['node', 'main.js', masked]);
  });

  it('masks the argument after a flag with a telling name', () => {
    expect(maskSecrets(['node', 'main.js', '--token', 's3cret', '--port', '3000'])).toEqual([
      'node',
      'main.js',
      '--token',
      '***',
      '--port',
      '3000',
    ]);
  });

  it('does not take the next flag for the value of a flag that has none', () => {
    expect(maskSecrets(['--use-token', '--port', '3000'])).toEqual(['--use-token', '--port', '3000']);
  });

  it('masks a single value, not whatever comes after it', () => {
    expect(maskSecrets(['--password', 'hunter2', 'serve'])).toEqual(['--password', '***', 'serve']);
  });

  it.each([
    ['postgres://app:hunter2@db:5432/app', 'postgres://app:***@db:5432/app'],
    ['--url=redis://:hunter2@cache', '--url=redis://:***@cache'],
    ['a=https://u:p1@h1,https://u:p2@h2', 'a=https://u:***@h1,https://u:***@h2'],
    ['mongodb+srv://u:p@h', 'mongodb+srv://u:***@h'],
  ])('masks passwords in URLs: %s', (argument, masked) => {
    expect(maskSecrets([argument])).toEqual([masked]);
  });

  it.each([
    ['/usr/bin/node'],
    ['/app/dist/main.js'],
    ['--port=3000'],
    ['--inspect=127.0.0.1:9229'],
    ['http://localhost:3000/path'],
    ['https://user@host/'],
    ['/srv/token-service/main.js'],
    ['--max-old-space-size=4096'],
    [''],
  ])('leaves %j as it is', (argument) => {
    expect(maskSecrets([argument])).toEqual([argument]);
  });

  it('never changes the number of arguments, nor shows the value of a secret flag', () => {
    const name = fc.constantFrom('--token', '--db-password', '--api-key', '-secret');
    // Of a letter that no name, mask or filler has.
    const value = fc.integer({ min: 1, max: 12 }).map((length) => 'Q'.repeat(length));
    const flag = fc.oneof(
      fc.tuple(name, value).map(([flagName, flagValue]) => [`${flagName}=${flagValue}`]),
      fc.tuple(name, value).map(([flagName, flagValue]) => [flagName, flagValue]),
      fc.constantFrom(['serve'], ['--port', '1'], ['-v']),
    );
    fc.assert(
      fc.property(fc.array(flag), (flags) => {
        const argv = flags.flat();
        const masked = maskSecrets(argv);
        expect(masked).toHaveLength(argv.length);
        expect(masked.join(' ')).not.toContain('Q');
      }),
    );
  });
});
