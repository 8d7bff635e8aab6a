import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describeWithTool, findProgram } from './needed.tool.js';

const CURL = findProgram('curl');

/** A suite that needs `curl`, see `describeWithTool`. */
export function describeWithCurl(name: string, suite: () => void): void {
  const tool = { name: 'curl', isFound: CURL !== undefined, remedy: 'apt-get install curl' };
  describeWithTool(tool, name, suite);
}

/** The body of the answer; fails, with curl's words, where the status is an error. */
export async function curl(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(CURL ?? 'curl', ['-qsS', '--fail-with-body', ...args]);
  return stdout;
}
