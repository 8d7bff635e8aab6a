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
    ['--env=DB_PASSWORD=x', '--env=DB_PASSWORD=***'],
    ['--env=DB_PASSWORD=x=y z', '--env=DB_PASSWORD=***'],
    ['-eDB_PASSWORD=x', '-eDB_PASSWORD=***'],
    ['--set=replicas=2,db.password=x,y', '--set=replicas=2,db.password=***'],
    ['--header=Authorization: Bearer x', '--header=Authorization: ***'],
    ['Authorization: Bearer x', 'Authorization: ***'],
    ['authorization:Basic eDp5', 'authorization:***'],
    ['-HAuthorization: Bearer x', '-HAuthorization: ***'],
    ['Proxy-Authorization: Basic x', 'Proxy-Authorization: ***'],
    ['X-Api-Key: x', 'X-Api-Key: ***'],
    ['X-Custom: Bearer x', 'X-Custom: Bearer ***'],
    ['Cookie: sid=x; theme=dark', 'Cookie: ***'],
    ['--header=Set-Cookie: sid=x', '--header=Set-Cookie: ***'],
    ['--cookie=sid=x', '--cookie=***'],
    ['{"user":"app","password":"x"}', '{"user":"app","password":***'],
    ["{'token': 'x'}", "{'token': ***"],
    ['https://host/hook?room=1&token=x', 'https://host/hook?room=1&token=***'],
    ['--user=app:x', '--user=app:***'],
    ['-uapp:x', '-uapp:***'],
    ['--signing-key=x', '--signing-key=***'],
    ['--signingKey=x', '--signingKey=***'],
    ['--key=x', '--key=***'],
    [
      'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=x==;',
      'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=***',
    ],
    ['--jwt=x', '--jwt=***'],
    ['--bearer=x', '--bearer=***'],
    ['--creds=x', '--creds=***'],
    ['--pw=x', '--pw=***'],
    ['--psk=x', '--psk=***'],
    ['--dsn=x', '--dsn=***'],
    ['SENTRY_DSN=x', 'SENTRY_DSN=***'],
    ['--session=x', '--session=***'],
    ['-phunter2', '-p***'],
    ['X-Custom: Basic eDp5', 'X-Custom: Basic ***'],
    ['--with=ghp_0123456789abcdefghij', '--with=***'],
    ['sk_live_0123456789abcdef', '***'],
    ['xoxb-0123456789-abcdef', '***'],
    ['AKIAIOSFODNN7EXAMPLE', '***'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '***'],
    ['-----BEGIN PRIVATE KEY-----\nabc', '***'],
    ['glsa_0123456789abcdef', '***'],
    ['hf_0123456789abcdefghij', '***'],
    ['--with=xapp-1-A0-0123456789', '--with=***'],
    ['GOCSPX-0123456789abcdef', '***'],
    ['https://hooks.slack.com/services/T0/B0/abc', 'https://hooks.slack.com/services/***'],
    ['--to=https://discord.com/api/webhooks/1/abc', '--to=https://discord.com/api/webhooks/***'],
    ['https://api.telegram.org/bot1:abc/sendMessage', 'https://api.telegram.org/***'],
    ['https://host/#access_token=x', 'https://host/#access_token=***'],
    ['serve --token x --port 1', 'serve --token ***'],
    ['--connection-string=x', '--connection-string=***'],
    ['--sas=x', '--sas=***'],
    ['--salt=x', '--salt=***'],
    ['--mnemonic=x', '--mnemonic=***'],
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
    ['-e', 'DB_PASSWORD=x', 'DB_PASSWORD=***'],
    ['--env', 'DB_PASSWORD=x', 'DB_PASSWORD=***'],
    ['-H', 'Authorization: Bearer x', 'Authorization: ***'],
    ['--header', 'Authorization: Bearer x', 'Authorization: ***'],
    ['--header', 'Cookie: sid=x', 'Cookie: ***'],
    ['--cookie', 'sid=x', '***'],
    ['-u', 'app:x', 'app:***'],
    ['--proxy-user', 'app:x', 'app:***'],
    ['--token', '-abc', '***'],
    ['--signing-key', 'x', '***'],
    ['--jwt', 'x', '***'],
    ['--bearer', 'x', '***'],
    ['--creds', 'x', '***'],
    ['--pw', 'x', '***'],
    ['--psk', 'x', '***'],
    ['--dsn', 'x', '***'],
    ['--session', 'x', '***'],
    ['-p', 'x', '***'],
    ['-p', '-8', '***'],
    ['Basic', 'eDp5', '***'],
    ['Bearer', 'x', '***'],
    ['X-Api-Key:', 'x', '***'],
  ])('masks what follows %s: %j', (flag, argument, masked) => {
    expect(maskSecrets([flag, argument])).toEqual([flag, masked]);
  });

  it.each([
    ['postgres://app:hunter2@db:5432/app', 'postgres://app:***@db:5432/app'],
    ['--url=redis://:hunter2@cache', '--url=redis://:***@cache'],
    ['a=https://u:p1@h1,https://u:p2@h2', 'a=https://u:***@h1,https://u:***@h2'],
    ['mongodb+srv://u:p@h', 'mongodb+srv://u:***@h'],
    ['postgres://app:p@ss@db/app', 'postgres://app:***@db/app'],
    ['postgres://app:p/s@s@db/app', 'postgres://app:***@db/app'],
    ['redis://hunter2@cache:6379', 'redis://***@cache:6379'],
    ['https://user@host/', 'https://***@host/'],
    ['https://0123456789abcdef0123:@host/', 'https://***@host/'],
    ['https://abc:x-oauth-basic@github.com/a/b', 'https://***@github.com/a/b'],
    ['app:hunter2@db:5432', 'app:***@db:5432'],
    ['--db=app:hunter2@db:5432/app', '--db=app:***@db:5432/app'],
    ['app:p@ss:w@db', 'app:***@db'],
    ['https://bucket/x?X-Amz-Signature=abc', 'https://bucket/x?X-Amz-Signature=***'],
    ['https://blob/x?sv=1&sig=abc%3D', 'https://blob/x?sv=1&sig=***'],
  ])('masks passwords in URLs: %s', (argument, masked) => {
    expect(maskSecrets([argument])).toEqual([masked]);
  });

  it.each([
    ['-p', '3000'],
    ['-p', '8080:80'],
    ['-p', '127.0.0.1:8080:80/tcp'],
    ['-p', '--watch'],
    ['-p', 'tsconfig.build.json'],
    ['-p', './tsconfig'],
    ['-u', '1000:1000'],
    ['--password-file', '/run/secrets/db'],
  ])('leaves what follows %s: %j', (flag, argument) => {
    expect(maskSecrets([flag, argument])).toEqual([flag, argument]);
  });

  describe('of a long argument', () => {
    const long = (unit: string) => unit.repeat(200_000 / unit.length);

    it.each(
      [
        [
          'a',
          'a:',
          'a=',
          '://',
          'a@',
          'a:b@',
          '/',
          ' ',
          '"',
          'token',
          'token:',
          'Bearer',
          'Bearer ',
          '-p',
          'eyJ',
          '.',
          '\n',
          'a://',
        ],
      ].flat(),
    )('looks at the beginning alone, whatever it is of: %j', (unit) => {
      const [masked = ''] = maskSecrets([long(unit)]);
      expect(masked.length).toBeLessThan(5000);
      expect(masked.endsWith('***')).toBe(true);
    });

    it('shows no half of what it cuts', () => {
      const text = `list ${'x'.repeat(4050)} postgres://app:${'Q'.repeat(200)}@db`;
      expect(maskSecrets([text])).toEqual([`list ${'x'.repeat(4050)} ***`]);
      expect(maskSecrets([`https://app:${'Q'.repeat(5000)}@db`])).toEqual(['***']);
    });
  });

  it.each([
    ['/usr/bin/node'],
    ['/app/dist/main.js'],
    ['--port=3000'],
    ['--inspect=127.0.0.1:9229'],
    ['http://localhost:3000/path'],
    ['/srv/token-service/main.js'],
    ['--max-old-space-size=4096'],
    ['--env=NODE_ENV=production'],
    ['--header=Accept: text/html'],
    ['--author=Jane'],
    ['--authority=db.internal'],
    ['--upstream=auth:8080'],
    ['auth:8080/login'],
    ['http://auth:8080/login'],
    ['--config=/etc/auth:/etc/app'],
    ['--volume=/srv/tokens:/data'],
    ['{"port":3000}'],
    ['--user=app'],
    ['a sentence about a secret'],
    ['git@github.com:org/repo.git'],
    ['https://unpkg.com/pkg@1.2.3/x.js'],
    ['https://host:8080/@scope/pkg'],
    ['-p3000'],
    ['-p8080:80'],
    ['--monkey=1'],
    ['--keyboard=de'],
    ['--turnkey'],
    ['--tokenizer=gpt'],
    ['--bypass=1'],
    ['--compass=1'],
    ['--passive=1'],
    ['--passport-strategy=jwt'],
    ['--password-file=/run/secrets/db'],
    ['--tokenTtl=60'],
    ['--auth-url=https://auth.internal/login'],
    ['--session-timeout=30'],
    ['-port=80'],
    ['-project'],
    ['serve --use-token --port 1'],
    ['--user=1000:1000'],
    ['https://hooks.slack.com/'],
    [''],
  ])('leaves %j as it is', (argument) => {
    expect(maskSecrets([argument])).toEqual([argument]);
  });

  // Of a letter that no name, mask or filler has.
  const value = fc
    .array(fc.constantFrom('Q', '=', ':', ' ', ',', '@', '/', '"', '\n', ';'), { maxLength: 12 })
    .map((characters) => `Q${characters.join('')}`);
  const flagName = fc.constantFrom('--token', '--db-password', '--api-key', '-secret', '--cookie');
  const wordFlag = fc.constantFrom(
    '--signing-key',
    '--jwt',
    '--creds',
    '--pw',
    '--psk',
    '--dsn',
    '--session',
    '--bearer',
  );
  const variable = fc.constantFrom('DB_PASSWORD', 'API_TOKEN', 'aws_secret_access_key', 'PGPASSWORD');
  const header = fc.constantFrom('Authorization', 'authorization', 'Cookie', 'X-Auth-Token', 'x-api-key');
  const scheme = fc.constantFrom('', 'Bearer ', 'Basic ');

  const secrets = fc.oneof(
    fc.tuple(flagName, value).map(([name, secret]) => [`${name}=${secret}`]),
    fc.tuple(flagName, value).map(([name, secret]) => [name, secret]),
    fc.tuple(variable, value).map(([name, secret]) => [`${name}=${secret}`]),
    fc.tuple(variable, value).map(([name, secret]) => [`--env=${name}=${secret}`]),
    fc.tuple(variable, value).map(([name, secret]) => ['-e', `${name}=${secret}`]),
    fc.tuple(header, scheme, value).map(([name, kind, secret]) => [`--header=${name}: ${kind}${secret}`]),
    fc.tuple(header, scheme, value).map(([name, kind, secret]) => ['-H', `${name}: ${kind}${secret}`]),
    fc.tuple(header, scheme, value).map(([name, kind, secret]) => [`-H${name}:${kind}${secret}`]),
    value.map((secret) => ['--header', `X-Custom: Bearer ${secret}`]),
    value.map((secret) => ['--user', `app:${secret}`]),
    value.map((secret) => [`-uapp:${secret}`]),
    fc.tuple(wordFlag, value).map(([name, secret]) => [`${name}=${secret}`]),
    fc.tuple(wordFlag, value).map(([name, secret]) => [name, secret]),
    fc.tuple(fc.constantFrom('Basic', 'Bearer', 'basic'), value),
    value.map((secret) => ['-p', secret]),
    // What no URL, and no list of them, can have within a password.
    value
      .map((secret) => secret.replaceAll(/[\s"]/g, '').replaceAll('://', ''))
      .map((secret) => [`postgres://app:${secret}@db:5432/app`]),
    value.map((secret) => secret.replaceAll(/[\s"/:]/g, '')).map((secret) => [`redis://${secret}@cache`]),
    value.map((secret) => secret.replaceAll('://', '')).map((secret) => [`app:${secret}@db:5432`]),
    fc
      .tuple(fc.constantFrom('sig', 'X-Amz-Signature', 'token', 'access_token'), value)
      .map(([name, secret]) => [`https://host/path?a=1&${name}=${secret}`]),
    fc
      .tuple(fc.constantFrom('ghp_', 'sk_live_', 'xoxb-', 'AKIA', 'eyJ', 'glpat-'), fc.nat({ max: 20 }))
      .map(([begin, more]) => [`--with=${begin}${'Q'.repeat(16 + more)}`]),
  );
  const ordinary = fc.constantFrom(
    ['serve'],
    ['--port', '1'],
    ['-v'],
    ['--env', 'NODE_ENV=production'],
    ['-H', 'Accept: text/html'],
    ['http://localhost:3000/path'],
  );

  it('never changes the number of arguments, nor shows the value of a secret, and leaves ordinary ones', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(secrets, ordinary)), (groups) => {
        const argv = groups.flat();
        const masked = maskSecrets(argv);
        expect(masked).toHaveLength(argv.length);
        expect(masked.join(' ')).not.toContain('Q');
        expect(masked.filter((_, index) => !argv[index]!.includes('Q'))).toEqual(
          argv.filter((argument) => !argument.includes('Q')),
        );
      }),
    );
  });
});
