/** What is read of vitest's JSON report. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** What became of a planted fault. Only `caught` is a success. */
export type Verdict =
  | { readonly kind: 'caught'; readonly by: string; readonly how: 'assertion' | 'wait' | 'error' }
  | { readonly kind: 'survived' }
  /** Tests failed, but not because of what they assert: the patch breaks the program, or the set-up failed. */
  | { readonly kind: 'invalid'; readonly why: string };

/** Vitest gives what is expected of promises the stack of a plain Error; fast-check wraps the assertion that failed. */
const ASSERTION =
  /^AssertionError\b|^Error: (?:expected \S|promise (?:resolved|rejected) .*instead of |Snapshot .* mismatched|Property failed after \d+ tests)/s;
const WAIT = /^\w*Error: (?:Test timed out in|waited) \d+ ?ms/;

/**
 * Judges the run of a fault's tests. Pure. A test that fails by an assertion catches the fault, and one whose wait ran out;
 * another error does so only if the fault names it (`failsWith`), since a patch that does not load fails every test.
 */
export function judgeRun(report: Report, failsWith?: string): Verdict {
  const failed = failuresOf(report);
  const find = (pattern: (message: string) => boolean): string | undefined =>
    failed.find(({ message }) => pattern(message))?.test;
  const asserted = find((message) => ASSERTION.test(message));
  if (asserted !== undefined) return { kind: 'caught', by: asserted, how: 'assertion' };
  const waited = find((message) => WAIT.test(message));
  if (waited !== undefined) return { kind: 'caught', by: waited, how: 'wait' };
  const named = failsWith && find((message) => message.includes(failsWith));
  if (named) return { kind: 'caught', by: named, how: 'error' };
  const broken = report.testResults.find(({ status }) => status === 'failed');
  if (broken === undefined) return { kind: 'survived' };
  return { kind: 'invalid', why: firstLine(failed[0]?.message ?? `${broken.name}: ${broken.message}`) };
}

/** Lists what is wrong with a run without any fault: failures, and test files without a test that passed. Pure. */
export function faultsOfClean(report: Report, files: readonly string[]): string[] {
  const failed = failuresOf(report).map(({ test, message }) => `${test}: ${firstLine(message)}`);
  const silent = files.flatMap((file) => {
    const result = report.testResults.find(({ name }) => name.endsWith(`/${file}`));
    const passed = result?.assertionResults.some(({ status }) => status === 'passed') === true;
    return passed ? [] : [`${file}: no test of it passed: ${firstLine(result?.message ?? 'it did not run')}`];
  });
  return [...failed, ...silent];
}

function failuresOf({ testResults }: Report): { readonly test: string; readonly message: string }[] {
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'failed')
    .map(({ title, failureMessages }) => ({ test: title, message: failureMessages[0] ?? '' }));
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? '';
}
