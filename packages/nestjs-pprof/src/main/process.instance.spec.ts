import { afterEach, describe, expect, it } from '@jest/globals';
import { processInstance } from './process.facts.js';

const NAMES = ['pm_id', 'NODE_APP_INSTANCE'] as const;

const before = NAMES.map((name) => [name, process.env[name]] as const);

afterEach(() => {
  for (const [name, value] of before) {
    set(name, value);
  }
});

function set(name: string, value: string | undefined): void {
  if (value === undefined) {
    delete process.env[name];
  } else {
    process.env[name] = value;
  }
}

describe('processInstance', () => {
  it.each([
    ['nothing', undefined, undefined, undefined],
    ['the id that "pm2 ls" shows', '7', '2', 'pm2 id 7'],
    ['the number of the instance, where PM2 is told to say only that', undefined, '2', 'instance 2'],
  ])('says %s', (_, id, instance, expected) => {
    set('pm_id', id);
    set('NODE_APP_INSTANCE', instance);
    expect(processInstance()).toBe(expected);
  });
});
