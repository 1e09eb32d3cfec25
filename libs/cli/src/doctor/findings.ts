import { table, type Output, type Verdict } from '../frame/output.ts';

/** One thing found out, and what to do about it. */
export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly text: string;
  readonly next?: string;
}

/** Prints what was found; false when something must be mended. */
export function reportFindings(output: Output, findings: readonly Finding[]): boolean {
  const ok = findings.every((finding) => finding.verdict !== 'fail');
  output.result({ ok, findings }, () => {
    // Marks may carry colour codes, so they stay out of the table's widths.
    const rows = table(findings.map(({ check, text }) => [check, text]));
    return findings.flatMap(({ verdict, next }, index) => [
      `${output.mark(verdict)}  ${rows[index] ?? ''}`,
      ...(next === undefined ? [] : [`      → ${next}`]),
    ]);
  });
  return ok;
}
