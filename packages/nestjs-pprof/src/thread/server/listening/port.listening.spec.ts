import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ListenError, TakenError, listenBeside, listenOnPort, portsToTry } from './port.listening.js';

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

/** What is told of why it cannot listen. */
function described(listening: Promise<unknown>): Promise<string> {
  return listening.then(String, (error: TakenError) => error.describe());
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
    await expect(listening).rejects.toThrow(TakenError);
    expect(await described(listening)).toMatch(
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
    ).rejects.toThrow(TakenError);
    expect(await listenOnPort(server, { host: HOST, port: 0, whenPortTaken: 'wait' })).toMatchObject({
      host: HOST,
    });
  });

  it('does not try other ports where that is of no use', async () => {
    // A name that resolves to nothing.
    const rule = { host: 'localhost.invalid', port: 0, whenPortTaken: 'next' as const };
    const failure = await listenOnPort(newServer(), rule).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ListenError);
    expect(failure).not.toBeInstanceOf(TakenError);
  });

  it('does not listen where others could reach it', async () => {
    const server = newServer();
    const rule = { host: '0.0.0.0', port: 0, whenPortTaken: 'wait' as const };
    await expect(listenOnPort(server, rule)).rejects.toThrow('not a loopback address');
    expect(server.listening).toBe(false);
  });

  it('names this process where that has the port itself', async () => {
    const port = await takenPort();
    const listening = listenOnPort(newServer(), { host: HOST, port, whenPortTaken: 'wait' });
    expect(await described(listening)).toContain(
      process.platform === 'linux' ? 'by this process itself, its application perhaps' : 'is taken',
    );
  });

  it('says so where the machine has no such address', async () => {
    // Kept for documentation (RFC 5737).
    const rule = { host: '203.0.113.1', port: 0, whenPortTaken: 'wait' as const };
    await expect(listenOnPort(newServer(), rule)).rejects.toThrow(
      /^this machine has no address 203.0.113.1. Set the option "host"/,
    );
  });
});

const describeWithIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)
  ? describe
  : describe.skip;

describeWithIPv6('listenOnPort, on localhost', () => {
  /** And free on IPv4, where another process may have it. */
  async function takenOnIPv6(): Promise<{ port: number; blocker: Server }> {
    const blocker = newServer().listen(0, '::1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    const probe = createServer().listen(port, HOST);
    const isFree = await once(probe, 'listening').catch(() => false);
    probe.close();
    return isFree ? { port, blocker } : takenOnIPv6();
  }

  function connects(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port }, () => {
        socket.destroy();
        resolve();
      }).once('error', reject);
    });
  }

  it('has the server answer on both of its addresses', async () => {
    const server = newServer();
    const { host, port, missing } = await listenOnPort(server, {
      host: 'localhost',
      port: 0,
      whenPortTaken: 'wait',
    });
    expect([host, missing]).toEqual([HOST, undefined]);
    for (const address of [HOST, '::1']) {
      const connected = once(server, 'connection');
      await connects(address, port);
      await connected;
    }
  });

  it('listens on the one where somebody has the other, and says which', async () => {
    const { port } = await takenOnIPv6();
    const server = newServer();
    const rule = { host: 'localhost', port, whenPortTaken: 'wait' as const };
    expect(await listenOnPort(server, rule)).toEqual({ host: HOST, port, missing: '::1' });
    await connects(HOST, port);
    expect(await described(listenBeside(server, '::1', port))).toMatch(
      /^somebody else listens on port \d+ of ::1, .* Ask for 127.0.0.1/,
    );
  });

  it('keeps nothing of a try that has failed: there may be one each second, for days', async () => {
    const { port } = await takenOnIPv6();
    const server = newServer();
    await listenOnPort(server, { host: 'localhost', port, whenPortTaken: 'wait' });
    const listeners = server.listenerCount('close');
    for (let tries = 0; tries < 3; tries++) {
      await expect(listenBeside(server, '::1', port)).rejects.toThrow(TakenError);
    }
    expect(server.listenerCount('close')).toBe(listeners);
  });

  it('takes the other once it is free', async () => {
    const { port, blocker } = await takenOnIPv6();
    const server = newServer();
    await listenOnPort(server, { host: 'localhost', port, whenPortTaken: 'wait' });
    blocker.close();
    await once(blocker, 'close');
    expect(await listenBeside(server, '::1', port)).toBe(true);
    const connected = once(server, 'connection');
    await connects('::1', port);
    await connected;
  });

  it("passes over a port that is free on one alone, with 'next'", async () => {
    const { port } = await takenOnIPv6();
    const listening = await listenOnPort(newServer(), { host: 'localhost', port, whenPortTaken: 'next' });
    expect(listening.missing).toBeUndefined();
    expect(listening.port).toBeGreaterThan(port);
  });

  it('waits where somebody has the first', async () => {
    const port = await takenPort();
    const listening = listenOnPort(newServer(), { host: 'localhost', port, whenPortTaken: 'wait' });
    await expect(listening).rejects.toThrow(TakenError);
    await expect(connects('::1', port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
