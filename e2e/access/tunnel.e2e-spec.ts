import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AppProcess } from '../support/app.process.js';
import { profilerOf, startFixture } from '../support/fixture.app.js';
import { describeWithGo, goToolPprof } from '../support/go.tool.js';
import { request } from '../support/http.request.js';
import { describeWithSshd, SshServer } from '../support/ssh.tunnel.js';
import { temporaryDirectory } from '../support/temporary.directory.js';

// As an engineer reaches a service on another machine: through ssh, with another port on the near side.

describeWithSshd('ssh -L', () => {
  let server: SshServer;

  beforeAll(async () => {
    server = await SshServer.start();
  });

  /** What works through a tunnel to any kind of listener. */
  function itServesThrough(forward: () => Promise<{ app: AppProcess; port: number }>): void {
    let app: AppProcess;
    let near: string;

    beforeAll(async () => {
      const tunnel = await forward();
      app = tunnel.app;
      near = `http://localhost:${tunnel.port}`;
      await app.call('startBurning');
    });

    it('serves the index page, whose commands have the port of the near side', async () => {
      const { status, text } = await request(`${near}/debug/pprof/`);
      expect(status).toBe(200);
      expect(text).toContain(`go tool pprof &#39;${near}/debug/pprof/profile`);
    });

    it('keeps the guard: a foreign host is refused there too', async () => {
      expect((await request(`${near}/debug/pprof/`, { headers: { host: 'evil.com' } })).status).toBe(403);
    });

    describeWithGo('and go tool pprof', () => {
      it('gets a profile that names the busy function', async () => {
        const { stdout, warnings } = await goToolPprof('-top', `${near}/debug/pprof/profile?seconds=1`);
        expect(stdout).toContain('crunchNumbers');
        expect(warnings).toEqual([]);
      });

      it('gets two at the same time, the one as base of the other', async () => {
        const url = `${near}/debug/pprof/profile?seconds=1`;
        const { stdout, warnings } = await goToolPprof('-raw', '-diff_base', url, url);
        expect(stdout).toContain(`nestjs-pprof: profile of pid ${app.pid}`);
        expect(warnings).toEqual([]);
      });
    });
  }

  describe('to the port on loopback', () =>
    itServesThrough(async () => {
      const app = startFixture('http', { heap: false });
      const { port } = new URL(await profilerOf(app));
      return { app, port: await server.forward(`localhost:${port}`) };
    }));

  describe('to the unix socket', () =>
    itServesThrough(async () => {
      const socketPath = join(await temporaryDirectory('sock-'), 'pprof.sock');
      const app = startFixture('http', { heap: false, socketPath });
      await app.call('listening');
      return { app, port: await server.forward(socketPath) };
    }));
});
