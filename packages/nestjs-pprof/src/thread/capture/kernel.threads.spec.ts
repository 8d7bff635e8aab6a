import { describe, expect, it, jest } from '@jest/globals';

/** Of a process with three threads, of which the second ends as it is looked at. */
jest.unstable_mockModule('node:fs', () => ({
  readdirSync: () => ['1', '2', '3'],
  readFileSync: (file: string) => {
    const tid = /^\/proc\/self\/task\/([13])\/schedstat$/.exec(file)?.[1];
    if (tid === undefined) {
      throw new Error('ENOENT');
    }
    return `${tid}00 ${tid}0 5\n`;
  },
  readlinkSync: () => '1/task/3',
}));
const { kernelCpu, processorLimit, processorWaits, throttlesSoFar, throttling } =
  await import('./kernel.threads.js');

it('knows of the other threads where one ends as they are looked at', () => {
  expect([...kernelCpu()!]).toEqual([
    [1, 100],
    [3, 300],
  ]);
  expect([...processorWaits()]).toEqual([
    [1, 10],
    [3, 30],
  ]);
});

const readerOf =
  (files: Readonly<Record<string, string>>) =>
  (file: string): string => {
    const text = files[file];
    if (text === undefined) {
      throw new Error('ENOENT');
    }
    return text;
  };

function limitWith(files: Readonly<Record<string, string>>, processors = 8): number {
  return processorLimit(readerOf(files), processors).count;
}

describe('processorLimit', () => {
  it('is what the machine has where nobody says less', () => {
    expect(limitWith({})).toBe(8);
    expect(limitWith({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' })).toBe(8);
    expect(limitWith({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '900000 100000\n' })).toBe(8);
  });

  it('is the smallest quota of the groups that the process lies in', () => {
    const files = {
      '/proc/self/cgroup': '0::/system.slice/orders.service\n',
      '/sys/fs/cgroup/system.slice/orders.service/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '50000 100000\n',
    };
    expect(limitWith(files)).toBe(0.5);
  });

  it('is told by version 1, too', () => {
    const files = {
      '/proc/self/cgroup': '5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n',
      '/sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '25000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    expect(limitWith(files)).toBe(0.25);
  });

  it('does not end in a path that leads out of what a container sees', () => {
    expect(
      limitWith({ '/proc/self/cgroup': '0::/../../other\n', '/sys/fs/cgroup/cpu.max': '20000 100000' }),
    ).toBe(0.2);
  });
});

describe('throttling', () => {
  it('is told by group: the periods in which it wanted to run, and those in which it was held up', () => {
    const files = {
      '/proc/self/cgroup': '0::/pod/app\n',
      '/sys/fs/cgroup/pod/app/cpu.stat': 'usage_usec 5\nnr_periods 9\nnr_throttled 7\nthrottled_usec 1\n',
      '/sys/fs/cgroup/pod/cpu.stat': 'usage_usec 5\nnr_periods 8\nnr_throttled 2\nthrottled_usec 1\n',
    };
    expect([...throttling(readerOf(files))]).toEqual([
      ['/sys/fs/cgroup/pod/app', { periods: 9, throttled: 7 }],
      ['/sys/fs/cgroup/pod', { periods: 8, throttled: 2 }],
      ['/sys/fs/cgroup/', { periods: 0, throttled: 0 }],
    ]);
    expect([...throttling(readerOf({}))]).toEqual([]);
  });
});

describe('throttlesSoFar', () => {
  it('is what all groups count that the process lies in: a service without a container, too', () => {
    const files = {
      '/proc/self/cgroup': '0::/system.slice/orders.service\n',
      '/sys/fs/cgroup/system.slice/orders.service/cpu.stat': 'usage_usec 5\nnr_periods 9\nnr_throttled 7\n',
      '/sys/fs/cgroup/system.slice/cpu.stat': 'usage_usec 5\nnr_throttled 2\n',
      '/sys/fs/cgroup/cpu.stat': 'usage_usec 5\n',
    };
    expect(throttlesSoFar(readerOf(files))).toBe(9);
  });

  it('is told by version 1, too, and nothing where nobody tells', () => {
    const files = {
      '/proc/self/cgroup': '4:cpu,cpuacct:/docker/1\n',
      '/sys/fs/cgroup/cpu/cpu.stat': 'nr_periods 9\nnr_throttled 3\nthrottled_time 4\n',
    };
    expect(throttlesSoFar(readerOf(files))).toBe(3);
    expect(throttlesSoFar(readerOf({}))).toBe(0);
  });
});
