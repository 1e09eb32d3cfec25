import { table, type Output, type Verdict } from '../frame/output.ts';
import { result, type Result } from '../frame/result.ts';

/** The finding of a check, and the next step. */
export interface Finding {
  /** The name of the database, where several are examined. */
  readonly database?: string;
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
      const rows = table(
        findings.map(({ database, check, text }) => [
          ...(findings.some((one) => one.database !== undefined) ? [database ?? ''] : []),
          check,
          text,
        ]),
      );
      return findings.flatMap(({ verdict, next }, index) => [
        `${output.mark(verdict)}  ${rows[index] ?? ''}`,
        ...(next === undefined ? [] : [`      → ${next}`]),
      ]);
    },
    ok,
  );
}

/** The findings of each kind that are named; the others are counted. */
const NAMED = 5;

/** Describes the first of many things, and counts the others; `sound` where there is none. Pure. */
export function firstOf<T>(
  found: readonly T[],
  sound: Finding,
  findingOf: (one: T) => Finding,
  most = NAMED,
): readonly Finding[] {
  if (found.length === 0) return [sound];
  const named = found.slice(0, most).map(findingOf);
  const more = found.length - named.length;
  return more === 0
    ? named
    : [...named, { check: sound.check, verdict: 'warn', text: `${more} more like these` }];
}
