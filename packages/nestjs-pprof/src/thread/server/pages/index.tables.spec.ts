import { describe, expect, it } from '@jest/globals';
import { processTable } from './index.tables.js';
import type { Reach } from './terminal.commands.js';
import type { RunningProfiler } from '../../../shared/process.variables.js';

const REACH: Reach = {
  host: 'localhost:6060',
  address: '127.0.0.1',
  port: 6060,
  socketPath: undefined,
  needsCredentials: false,
};

function tableOf(others: readonly RunningProfiler[], program: string, reach = REACH): string {
  return processTable(others, program, reach);
}

function running(over: Partial<RunningProfiler> = {}): RunningProfiler {
  return {
    pid: 7,
    title: 'node',
    program: '/app/main.js',
    instance: null,
    host: '127.0.0.1',
    port: 6061,
    socketPath: null,
    ...over,
  };
}

describe('processTable', () => {
  it('is nothing where there are no others', () => {
    expect(tableOf([], '/app/main.js')).toBe('');
  });

  it('has a link to each port, and how to forward it', () => {
    const html = tableOf([running({ instance: 'cluster worker 2' })], '/app/main.js');
    expect(html).toContain('<a href="http://127.0.0.1:6061/debug/pprof/">6061</a>');
    expect(html).toContain('<code>ssh -L 6061:127.0.0.1:6061 user@host</code>');
    expect(html).toContain('<td>7</td><td>cluster worker 2, node<br><code>/app/main.js</code></td>');
    expect(html).not.toContain('Other services');
  });

  it('writes other addresses as a URL and ssh take them', () => {
    const html = tableOf([running({ host: '::1' }), running({ host: '127.0.0.2' })], '/app/main.js');
    expect(html).toContain('href="http://[::1]:6061/debug/pprof/"');
    expect(html).toContain('ssh -L &#39;6061:[::1]:6061&#39; ');
    expect(html).toContain('href="http://127.0.0.2:6061/debug/pprof/"');
  });

  it('has no link to a unix socket, but how to forward it', () => {
    const html = tableOf([running({ host: null, port: null, socketPath: '/run/a.sock' })], '/app/main.js');
    expect(html).toContain('<tr><td><code>/run/a.sock</code></td>');
    expect(html).toContain('<code>ssh -L 6060:/run/a.sock user@host</code>');
  });

  it('quotes what a path has for the shell, so that the line can be copied', () => {
    const socketPath = "/tmp/$(touch x);'`&.sock";
    const html = tableOf([running({ host: null, port: null, socketPath })], '/app/main.js');
    expect(html).toContain(
      "<code>ssh -L '6060:/tmp/$(touch x);'\\''`&.sock' user@host</code>"
        .replaceAll("'", '&#39;')
        .replace('&.', '&amp;.'),
    );
  });

  it('has those of the same program first, and escapes what they call themselves', () => {
    const others = [running({ program: '/b<i>.js', title: '<script>"' }), running({ pid: 8 })];
    const html = tableOf(others, '/app/main.js');
    expect(html.indexOf('Other processes of this service')).toBeLessThan(html.indexOf('<td>8</td>'));
    expect(html.indexOf('<td>8</td>')).toBeLessThan(html.indexOf('Other services'));
    expect(html).toContain('&lt;script&gt;&quot;<br><code>/b&lt;i&gt;.js</code>');
  });

  it('has one command for all processes of the service, quoted for every shell', () => {
    const others = [
      running(),
      running({ host: '::1', port: 6062 }),
      running({ port: 6063, program: '/b.js' }),
    ];
    expect(tableOf(others, '/app/main.js').replaceAll('&#39;', "'")).toContain(
      "<code>go tool pprof 'http://127.0.0.1:6060/debug/pprof/profile?seconds=10' " +
        "'http://127.0.0.1:6061/debug/pprof/profile?seconds=10' 'http://[::1]:6062/debug/pprof/profile?seconds=10'</code>",
    );
    expect(tableOf(others, '/app/main.js', { ...REACH, needsCredentials: true })).toContain(
      'USER:PASSWORD@127',
    );
    expect(tableOf(others, '/app/main.js', { ...REACH, socketPath: '/run/a' })).not.toContain('All of them');
    expect(tableOf([running()], '/other.js')).not.toContain('All of them');
  });
});
