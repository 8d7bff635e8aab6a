import { readdirSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';

const FULL = /\.full\.e2e-spec\.ts$/;

/**
 * Jest's reporter for people: a line for each file as it ends, then the failures in full, then what was skipped, why, and
 * what was not run at all.
 */
// Jest takes the default export.
// oxlint-disable-next-line import/no-default-export
export default class TestReporter {
  #failures = [];
  /** By reason, the tests of each file. */
  #skipped = new Map();

  constructor({ rootDir, testNamePattern }) {
    this.rootDir = rootDir;
    this.isFiltered = Boolean(testNamePattern);
  }

  onTestFileResult({ path }, result) {
    const file = relative(this.rootDir, path);
    const { numPassingTests, numFailingTests, numPendingTests, numTodoTests, perfStats } = result;
    const hasFailed = numFailingTests > 0 || result.testExecError !== undefined;
    const counts = [
      [numPassingTests, 'passed'],
      [numFailingTests, 'failed'],
      [numPendingTests + numTodoTests, 'skipped'],
    ].flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : []));
    const seconds = ((perfStats.end - perfStats.start) / 1000).toFixed(1);
    say(`${hasFailed ? 'FAIL' : 'ok  '} ${file}: ${counts.join(', ') || 'nothing run'} (${seconds} s)`);
    if (hasFailed) {
      const logged = (result.console ?? []).map(({ message }) => message);
      this.#failures.push([file, ...logged, result.failureMessage ?? ''].join('\n'));
    }
    for (const test of result.testResults) {
      if (test.status === 'pending' || test.status === 'todo') {
        this.#skip(file, test);
      }
    }
  }

  onRunComplete(_contexts, results) {
    for (const failure of this.#failures) {
      say(`\n${failure.trimEnd()}`);
    }
    const skipped = results.numPendingTests + results.numTodoTests;
    if (this.#skipped.size > 0) {
      say('\nSkipped:');
    }
    for (const [reason, files] of this.#skipped) {
      const where = [...files].map(([file, count]) => `${file} (${count})`);
      say(`  ${reason}: ${where.join(', ')}`);
    }
    this.#sayNotRun(results.testResults.map(({ testFilePath }) => testFilePath));
    const sum = {
      passed: results.numPassedTests,
      // A file that could not be run has no test that could fail.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped,
    };
    if (process.env.TEST_SUM_FILE) {
      writeFileSync(process.env.TEST_SUM_FILE, JSON.stringify(sum));
    }
  }

  #skip(file, { ancestorTitles, title }) {
    // See e2e/support/needed.tool.ts.
    const [, reason] = /\(skipped: (.*?)\)/.exec([...ancestorTitles, title].join(' ')) ?? [];
    if (reason === undefined && this.isFiltered) {
      return;
    }
    const why = reason ?? 'without a reason';
    const files = this.#skipped.get(why) ?? new Map();
    files.set(file, (files.get(file) ?? 0) + 1);
    this.#skipped.set(why, files);
  }

  /** Where all essential tests were run, that there are more. */
  #sayNotRun(run) {
    const isWhole =
      run.some((path) => path.endsWith('.spec.ts')) && run.some((path) => path.endsWith('.e2e-spec.ts'));
    if (!isWhole || run.some((path) => FULL.test(path))) {
      return;
    }
    const files = readdirSync(`${this.rootDir}/e2e`, { recursive: true, encoding: 'utf8' })
      .filter((path) => FULL.test(path) && !path.includes('node_modules'))
      .map((path) => path.replace(FULL, ''));
    if (files.length > 0) {
      say(
        `\nNot run, as they take long: the exhaustive tests (npm run test:all) of ${files.sort().join(', ')}.`,
      );
    }
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
