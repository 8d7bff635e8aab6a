import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AppProcess } from './support/app.process.js';
import { type Inside, startFixture } from './support/fixture.app.js';

let app: AppProcess;

beforeAll(() => {
  app = startFixture('options');
});

describe('options that are not valid', () => {
  it.each<[string, object, string[]]>([
    ['enabled', { enabled: 'true' }, ['"true"', 'true or false']],
    ['port', { port: '6060' }, ['"6060"', '0 (any free port) to 65535', 'Number(']],
    ['port', { port: 65_536 }, ['65536']],
    ['port', { port: 1.5 }, ['1.5']],
    ['maxSeconds', { maxSeconds: 0 }, ['is 0', 'from 1 to 3600']],
    ['maxCaptures', { maxCaptures: 0 }, ['is 0', 'from 1 to 256']],
    ['heap', { heap: true }, ['is true']],
    ['heap.samplingInterval', { heap: { samplingInterval: 1 } }, ['is 1', 'from 1024']],
    ['heap.stackDepth', { heap: { stackDepth: 0 } }, ['is 0', 'from 1 to 128']],
    ['prot', { prot: 6060 }, ['unknown option', 'known are enabled, host, port']],
    ['host', { host: '0.0.0.0', port: 7070 }, ['"0.0.0.0"', 'ssh -L 6060:127.0.0.1:7070 ']],
    ['host', { host: '192.168.1.1' }, ['ssh -L 6060:127.0.0.1:6060 ']],
    ['host', { host: 'localhost.evil.com' }, ['ssh -L']],
    ['host', { host: '127.1' }, ['ssh -L']],
    ['host', { host: '' }, ['ssh -L']],
  ])('fail at start-up with an error that names %s: %j', async (option, options, texts) => {
    const error = await app.call<{ name: string; message: string } | null>('startWith', options);
    expect(error?.name).toBe('PprofOptionsError');
    expect(error?.message).toContain(`option "${option}"`);
    texts.forEach((text) => expect(error?.message).toContain(text));
    expect((await app.call<Inside>('inside')).workers).toBe(0);
  });

  it('are all named at once', async () => {
    const error = await app.call<{ message: string }>('startWith', { port: -1, maxSeconds: 'x' });
    expect(error.message).toMatch(/option "port".*option "maxSeconds"/);
  });
});
