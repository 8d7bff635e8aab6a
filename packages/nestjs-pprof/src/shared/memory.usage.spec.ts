import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { memoryUsage, residentBytes } from './memory.usage.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('memoryUsage', () => {
  it("is the process's", () => {
    expect(memoryUsage()).toEqual({
      rss: expect.any(Number),
      heapTotal: expect.any(Number),
      heapUsed: expect.any(Number),
      external: expect.any(Number),
      arrayBuffers: expect.any(Number),
    });
    expect(residentBytes()).toBeGreaterThan(0);
  });

  it('is told whatever the application has put in the place of the function', () => {
    jest.spyOn(process, 'memoryUsage').mockReturnValue({} as NodeJS.MemoryUsage);
    expect(memoryUsage().rss).toBeGreaterThan(0);
    expect(residentBytes()).toBeGreaterThan(0);
  });

  it('has what V8 knows where the process has too many open files', () => {
    const fails = () => {
      throw new Error('EMFILE: too many open files, uv_resident_set_memory');
    };
    expect(memoryUsage(fails)).toEqual({
      rss: null,
      heapTotal: expect.any(Number),
      heapUsed: expect.any(Number),
      external: expect.any(Number),
      arrayBuffers: null,
    });
    expect(residentBytes(fails)).toBeNull();
  });
});
