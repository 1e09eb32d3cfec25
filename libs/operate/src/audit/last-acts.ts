import type { Executor } from '@convergekit/postgres';
import type { SubjectKind } from '@convergekit/postgres/operate';
import { describeAct } from './act-text.ts';
import { readLastActs } from './audit-sql.ts';

/** Says what operators last did to these things: the answer to an act before may have been lost. */
export async function lastActs(
  executor: Executor,
  named: readonly string[],
  kind?: SubjectKind,
): Promise<readonly string[]> {
  if (named.length === 0) return [];
  return (await readLastActs(executor, named, kind)).map((act) => {
    const { subject, what } = describeAct(act);
    return `last act on ${subject}: ${act.by} ${what} at ${act.at}: ${act.reason}`;
  });
}
