import { Get } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { labelScope } from './main/label.sets.js';
import { PprofLabels } from './pprof.labels.js';
import { PprofService } from './pprof.service.js';

const given: unknown[] = [];

function capture(): void {
  labelScope().run = (labels, task) => {
    given.push(labels);
    return task();
  };
}

afterEach(() => {
  delete labelScope().run;
  given.length = 0;
});

class Reports {
  readonly name = 'reports';

  @PprofLabels({ job: 'build', urgent: true })
  @Get('build')
  build(first: number, second: number): string {
    return `${this.name} ${first + second}`;
  }

  @PprofLabels({ job: 'fail' })
  async fail(): Promise<never> {
    return Promise.reject(new Error('on purpose'));
  }
}

describe('PprofLabels', () => {
  it('calls the method with its labels while somebody captures', async () => {
    const reports = new Reports();
    expect(reports.build(1, 2)).toBe('reports 3');
    expect(given).toEqual([]);
    capture();
    expect(reports.build(1, 2)).toBe('reports 3');
    await expect(reports.fail()).rejects.toThrow('on purpose');
    expect(given).toEqual([{ job: 'build', urgent: true }, { job: 'fail' }]);
  });

  it('leaves name, parameters and metadata as they are', () => {
    const { build } = Reports.prototype;
    expect(build.name).toBe('build');
    expect(build).toHaveLength(2);
    expect(Reflect.getMetadata('path', build)).toBe('build');
  });

  it('is refused for what is no method', () => {
    const decorate = PprofLabels({ a: 'b' });
    expect(() => decorate({}, 'accessor', { get: () => 1 })).toThrow('"accessor" is none');
  });
});

describe('PprofService.withLabels', () => {
  const pprof = new PprofService({ enabled: false });

  it('returns what the task returns, and throws what it throws', () => {
    expect(pprof.withLabels({ a: 'b' }, () => 7)).toBe(7);
    capture();
    expect(pprof.withLabels({ a: 'b' }, () => 7)).toBe(7);
    expect(() =>
      pprof.withLabels({ a: 'b' }, () => {
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    expect(given).toEqual([{ a: 'b' }, { a: 'b' }]);
  });
});
