import { readFileSync } from 'node:fs';

interface Report {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const MOST_CHARACTERS = 2_000;

// What the end of a CI run prints: every failure by name, from vitest's JSON report and from the commands given as
// `name=exit code`, and the counts in the last line.
const [path = '', ...commands] = process.argv.slice(2);
const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
const failures = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
  const failed = assertionResults.filter((test) => test.status === 'failed');
  // A file whose set-up failed has no failed test: its tests count as skipped.
  if (failed.length === 0) return status === 'failed' ? [[name, message]] : [];
  return failed.map((test) => [`${name}: ${test.fullName}`, test.failureMessages.join('\n')]);
});
for (const command of commands) {
  const [name = '', code = ''] = command.split('=');
  if (code !== '0') failures.push([name, `ended with ${code}`]);
}
for (const [what, why] of failures)
  process.stdout.write(`failed: ${what}\n${why?.slice(0, MOST_CHARACTERS)}\n`);
const skipped = report.numPendingTests + report.numTodoTests;
const notRun = skipped > 0 ? `, ${skipped} skipped` : '';
process.stdout.write(`${report.numPassedTests} passed, ${failures.length} failed${notRun}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
