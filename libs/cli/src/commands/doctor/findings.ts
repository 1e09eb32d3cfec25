import type { Finding } from '@convergekit/operate';
import { table } from '@convergekit/operate/text';
import { type Output } from '../../frame/output.ts';
import { result, type Result } from '../../frame/result.ts';

/** The findings of one check that the text names; the others are counted. */
const NAMED = 5;

/** Leaves out findings beyond the first of each check, and counts them (pure). The document has all of them. */
function namedOf(findings: readonly Finding[]): readonly Finding[] {
  const groups = Map.groupBy(findings, ({ database, check }) => `${database ?? ''} ${check}`);
  return [...groups.values()].flatMap((own) => {
    const [first] = own;
    const more = own.length - NAMED;
    if (first === undefined || more <= 0) return own;
    const { database, check } = first;
    const rest: Finding = { check, verdict: 'warn', text: `${more} more like these` };
    return [...own.slice(0, NAMED), { ...(database !== undefined && { database }), ...rest }];
  });
}

/** Builds the result of checks, which is not ok when one failed. */
export function resultOf({ mark }: Pick<Output, 'mark'>, findings: readonly Finding[]): Result {
  const ok = findings.every((finding) => finding.verdict !== 'fail');
  return result(
    { ok, findings },
    () => {
      const shown = namedOf(findings);
      const isMany = shown.some(({ database }) => database !== undefined);
      // Marks may carry colour codes, so they stay out of the table's widths.
      const rows = table(
        shown.map(({ database, check, text }) => [...(isMany ? [database ?? ''] : []), check, text]),
      );
      return shown.flatMap(({ verdict, next }, index) => [
        `${mark(verdict)}  ${rows[index] ?? ''}`,
        ...(next === undefined ? [] : [`      → ${next}`]),
      ]);
    },
    ok,
  );
}
