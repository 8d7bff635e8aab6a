import { describe, expect, it } from '@jest/globals';
import { permissionFlags } from './process.facts.js';

describe('permissionFlags', () => {
  it('has those of the permission model, and no others', () => {
    const execArgv = ['--require', './apm.js', '--permission', '--allow-worker', '--max-old-space-size=64'];
    expect(permissionFlags(execArgv, '')).toEqual(['--permission', '--allow-worker']);
    expect(permissionFlags(['--experimental-permission'], '')).toEqual(['--experimental-permission']);
  });

  it('has their values, however they are written', () => {
    expect(
      permissionFlags(['--allow-fs-read=/app', '--allow-fs-write', '/tmp', '--allow-fs-read', '*'], ''),
    ).toEqual(['--allow-fs-read=/app', '--allow-fs-write=/tmp', '--allow-fs-read=*']);
  });

  it('has those of NODE_OPTIONS', () => {
    expect(
      permissionFlags(['--allow-addons'], '--permission  --import=./x.mjs --allow-fs-read=/app'),
    ).toEqual(['--permission', '--allow-fs-read=/app', '--allow-addons']);
  });

  it('is empty where there is none', () => {
    expect(permissionFlags([], '')).toEqual([]);
  });
});
