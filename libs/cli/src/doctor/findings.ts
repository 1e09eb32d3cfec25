import { table, type Output, type Verdict } from '../frame/output.ts';
import { result, type Result } from '../frame/result.ts';

/** The finding of a check, and the next step. */
export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly text: string;
  readonly next?: string;
}

/** Builds the result of checks, which is not ok when one failed. */
export function findingsOf(output: Output, findings: readonly Finding[]): Result {
  const ok = findings.every((finding) => finding.verdict !== 'fail');
  return result(
    { ok, findings },
    () => {
      // Marks may carry colour codes, so they stay out of the table's widths.
      const rows = table(findings.map(({ check, text }) => [check, text]));
      return findings.flatMap(({ verdict, next }, index) => [
        `${output.mark(verdict)}  ${rows[index] ?? ''}`,
        ...(next === undefined ? [] : [`      → ${next}`]),
      ]);
    },
    ok,
  );
}
