import { describe, expect, it } from '@jest/globals';
import { ownKernelThread } from './kernel.threads.js';
import { type TraceEvent, TraceEvents } from './tracer.js';

const PID = 100;

function event(over: Partial<TraceEvent> = {}): TraceEvent {
  return { pid: PID, tid: PID, ph: 'X', cat: 'v8', name: 'V8.GCScavenger', ...over };
}

const mainName = event({
  ph: 'M',
  cat: '__metadata',
  name: 'thread_name',
  args: { name: 'JavaScriptMainThread' },
});

function written(events: TraceEvents): TraceEvent[] {
  return JSON.parse(`[${Buffer.concat(events.texts()).toString()}]`) as TraceEvent[];
}

describe('TraceEvents', () => {
  it('is empty where nothing came', () => {
    expect(written(new TraceEvents(['v8'], new Map()))).toEqual([]);
  });

  it('keeps what came, in as many batches as it came', () => {
    const events = new TraceEvents(['v8'], new Map());
    events.add([event({ name: 'a' }), event({ name: 'b' })]);
    events.add([]);
    events.add([event({ name: 'c' })]);
    expect(written(events).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(events.lost).toBeUndefined();
  });

  it('leaves out the query strings of requests', () => {
    const events = new TraceEvents(['node.http'], new Map());
    const data = { method: 'GET', url: '/orders?token=geheim\n', path: '/other' };
    events.add([event({ cat: 'node,node.http', args: { data } })]);
    expect(written(events)[0]?.args).toEqual({ data: { method: 'GET', url: '/orders?…', path: '/other' } });
  });

  it.each([
    [
      { data: { url: 'http://u:geheim@h/p?t=1', statusCode: 200 } },
      { data: { url: 'http://u:***@h/p?…', statusCode: 200 } },
    ],
    [{ data: { path: 'http://geheimgeheimgeheim@h/p' } }, { data: { path: 'http://***@h/p' } }],
    [{ filename: 'https://h/x.js?token=geheim' }, { filename: 'https://h/x.js?…' }],
    [{ filename: 'file:///app/x.js#geheim' }, { filename: 'file:///app/x.js?…' }],
    [{ data: { fileName: 'data:text/javascript,geheim' } }, { data: { fileName: 'data:text/javascript,…' } }],
    [
      {
        args: { args: ['node', '--db-password=geheim'], exec_args: ['--conditions=x', '--token', 'geheim'] },
      },
      { args: { args: ['node', '--db-password=***'], exec_args: ['--conditions=x', '--token', '***'] } },
    ],
    [{ path: '/app/dist/main.js' }, { path: '/app/dist/main.js' }],
    [
      { count: 1, list: [1, 'a'], nothing: null },
      { count: 1, list: [1, 'a'], nothing: null },
    ],
  ])('leaves out what may be secret in %j', (args, kept) => {
    const events = new TraceEvents(['v8'], new Map());
    events.add([event({ args })]);
    expect(written(events)[0]?.args).toEqual(kept);
  });

  it('shortens the name of a module that is its own text', () => {
    const events = new TraceEvents(['v8'], new Map());
    events.add([event({ name: 'data:text/javascript;base64,Z2VoZWlt' })]);
    expect(written(events)[0]?.name).toBe('data:text/javascript;base64,…');
  });

  it('leaves out what another in the process has asked for', () => {
    const events = new TraceEvents(['v8', 'node.http'], new Map());
    events.add([
      event({ cat: 'node,node.http', name: 'wanted' }),
      event({ cat: 'devtools.timeline,v8', name: 'wanted too' }),
      event({ cat: 'node,node.async_hooks', name: 'not wanted' }),
      event({ cat: 'v8.other', name: 'not wanted' }),
    ]);
    expect(written(events).map(({ name }) => name)).toEqual(['wanted', 'wanted too']);
  });

  it('leaves out what the profiling thread does', () => {
    const events = new TraceEvents(['v8'], new Map());
    events.add([event({ tid: ownKernelThread() ?? -1, name: 'own' }), event({ name: 'theirs' })]);
    expect(written(events).map(({ name }) => name)).toEqual(
      ownKernelThread() ? ['theirs'] : ['own', 'theirs'],
    );
  });

  it('names the threads once and first, main as it is called elsewhere, workers as far as they are known', () => {
    const events = new TraceEvents(['v8'], new Map([[101, 'worker 3 (mail)']]));
    events.add([mainName, event()]);
    events.add([mainName, event()]);
    const names = written(events).slice(0, 2);
    expect(names.map(({ pid, tid, name, args }) => [pid, tid, name, args])).toEqual([
      [PID, PID, 'thread_name', { name: 'main' }],
      [PID, 101, 'thread_name', { name: 'worker 3 (mail)' }],
    ]);
    expect(written(events)).toHaveLength(4);
  });

  it('tells when it is full, and counts what came after that', async () => {
    const events = new TraceEvents(['v8'], new Map(), 100);
    events.add([event()]);
    expect(events.lost).toBeUndefined();
    events.add([event()]);
    await events.full;
    expect(events.lost).toBe(0);
    events.add([event(), event()]);
    expect(events.lost).toBe(2);
    expect(written(events)).toHaveLength(2);
  });
});
