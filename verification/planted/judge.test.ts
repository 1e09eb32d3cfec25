import { describe, expect, it } from 'vitest';
import { faultsOfClean, judgeRun, type Report } from './judge.ts';

type Ran = readonly [test: string, failure?: string];

function reportOf(ran: readonly Ran[], message = ''): Report {
  const failed = message !== '' || ran.some(([, failure]) => failure !== undefined);
  const assertionResults = ran.map(([title, failure]) => ({
    title,
    status: failure === undefined ? 'passed' : 'failed',
    failureMessages: failure === undefined ? [] : [`${failure}\n    at libs/a.ts:1:1`],
  }));
  const status = failed ? 'failed' : 'passed';
  return { testResults: [{ name: '/copy/libs/a.test.ts', status, message, assertionResults }] };
}

describe('the run of a planted fault', () => {
  it.each([
    ['AssertionError: expected 1 to be 2', 'assertion'],
    ["Error: expected [Function] to throw error matching /x/ but got 'y'", 'assertion'],
    ['Error: promise resolved "[ 1,\n 2 ]" instead of rejecting', 'assertion'],
    ['Error: Snapshot `x 1` mismatched', 'assertion'],
    ['Error: Property failed after 3 tests\n{ seed: 1 }', 'assertion'],
    ['TestTimeoutError: Test timed out in 5000ms.', 'wait'],
    ['Error: waited 180000 ms for the topic; last value: false', 'wait'],
    ['error: deadlock detected', 'error'],
  ])('a test that fails with "%s" catches the fault, by its %s', (failure, how) => {
    const verdict = judgeRun(reportOf([['one'], ['two', failure]]), 'deadlock');
    expect(verdict).toEqual({ kind: 'caught', by: 'two', how });
  });

  it('an assertion is named before what failed earlier for another reason', () => {
    const ran: Ran[] = [
      ['one', 'TestTimeoutError: Test timed out in 5000ms.'],
      ['two', 'AssertionError: x'],
    ];
    expect(judgeRun(reportOf(ran))).toEqual({ kind: 'caught', by: 'two', how: 'assertion' });
  });

  it('a run whose tests all pass shows that the fault survived', () => {
    expect(judgeRun(reportOf([['one']]))).toEqual({ kind: 'survived' });
  });

  it.each([
    'error: syntax error at or near "from"',
    'ReferenceError: nothing is not defined',
    'TypeError: x is not a function',
  ])('a test that fails with "%s" shows a wrong patch, not a fault that was caught', (failure) => {
    expect(judgeRun(reportOf([['one', failure]]))).toEqual({ kind: 'invalid', why: failure });
  });

  it('a test file that cannot be loaded, or whose set-up fails, catches nothing', () => {
    const why = "/copy/libs/a.test.ts: Cannot find module './gone.ts'";
    const report = reportOf([], "Cannot find module './gone.ts'\nimported from …");
    expect(judgeRun(report, 'Cannot find module')).toEqual({ kind: 'invalid', why });
  });
});

describe('the run without a fault', () => {
  it('a run in which every file has a test that passed has nothing wrong', () => {
    expect(faultsOfClean(reportOf([['one']]), ['libs/a.test.ts'])).toEqual([]);
  });

  it('a failed test, a file without a passed test and one that did not run are named', () => {
    expect(faultsOfClean(reportOf([['one'], ['two', 'Error: x']]), ['libs/a.test.ts'])).toEqual([
      'two: Error: x',
    ]);
    expect(faultsOfClean(reportOf([], 'SyntaxError: y'), ['libs/a.test.ts', 'libs/b.test.ts'])).toEqual([
      'libs/a.test.ts: no test of it passed: SyntaxError: y',
      'libs/b.test.ts: no test of it passed: it did not run',
    ]);
  });
});
