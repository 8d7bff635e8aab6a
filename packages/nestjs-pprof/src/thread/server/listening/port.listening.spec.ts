import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PortError, PortTakenError } from './port.errors.js';
import { listenOnPort, portsToTry } from './port.listening.js';

const HOST = '127.0.0.1';

const servers: Server[] = [];

afterEach(() => {
  servers.splice(0).forEach((server) => server.close());
});

function newServer(): Server {
  const server = createServer();
  servers.push(server);
  return server;
}

async function takenPort(): Promise<number> {
  const server = newServer().listen(0, HOST);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('portsToTry', () => {
  it.each([
    ['the port alone', { port: 6060, whenPortTaken: 'wait' as const }, [6060]],
    ['any free one', { port: 0, whenPortTaken: 'next' as const }, [0]],
    ['no port above the highest', { port: 65_534, whenPortTaken: 'next' as const }, [65_534, 65_535]],
    [
      'the port that the thread before had, then what the options say',
      { port: 65_533, whenPortTaken: 'next' as const, previousPort: 65_534 },
      [65_534, 65_533, 65_535],
    ],
    [
      'the port that was free before',
      { port: 0, whenPortTaken: 'wait' as const, previousPort: 40_000 },
      [40_000, 0],
    ],
  ])('are %s', (_, rule, expected) => {
    expect(portsToTry({ host: HOST, ...rule })).toEqual(expected);
  });

  it("are 64, from the port upwards, with 'next'", () => {
    const ports = portsToTry({ host: HOST, port: 6060, whenPortTaken: 'next' });
    expect([ports.length, ports[0], ports.at(-1)]).toEqual([64, 6060, 6123]);
  });
});

describe('listenOnPort', () => {
  it("takes that port alone with 'wait', and says what one can do", async () => {
    const port = await takenPort();
    const listening = listenOnPort(newServer(), { host: HOST, port, whenPortTaken: 'wait' });
    await expect(listening).rejects.toThrow(PortTakenError);
    await expect(listening).rejects.toThrow(
      new RegExp(`^port ${port} on 127.0.0.1 is taken .*"port".*"whenPortTaken": 'next'`),
    );
  });

  it("takes a port above with 'next'", async () => {
    const port = await takenPort();
    const server = newServer();
    const address = await listenOnPort(server, { host: HOST, port, whenPortTaken: 'next' });
    expect(address.port).toBeGreaterThan(port);
    expect(address.port).toBeLessThanOrEqual(port + 63);
    expect(server.address()).toMatchObject({ address: HOST, port: address.port });
  });

  it('has a server listen that found its port taken before', async () => {
    const server = newServer();
    await expect(
      listenOnPort(server, { host: HOST, port: await takenPort(), whenPortTaken: 'wait' }),
    ).rejects.toThrow(PortTakenError);
    expect(await listenOnPort(server, { host: HOST, port: 0, whenPortTaken: 'wait' })).toMatchObject({
      host: HOST,
    });
  });

  it('does not try other ports where that is of no use', async () => {
    // A name that resolves to nothing.
    const rule = { host: 'localhost.invalid', port: 0, whenPortTaken: 'next' as const };
    const failure = await listenOnPort(newServer(), rule).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PortError);
    expect(failure).not.toBeInstanceOf(PortTakenError);
  });

  it('does not listen where others could reach it', async () => {
    const server = newServer();
    const rule = { host: '0.0.0.0', port: 0, whenPortTaken: 'wait' as const };
    await expect(listenOnPort(server, rule)).rejects.toThrow('not a loopback address');
    expect(server.listening).toBe(false);
  });
});
