import type { Executor } from '@convergekit/postgres';
import type { StackState } from './entry.ts';
import { StackError } from './errors.ts';
import { emptyFold, type Fold, foldEntry } from './fold.ts';
import { readStackRow } from './claim-sql.ts';
import { readJournal } from './journal-sql.ts';
import { entryOf } from './seal.ts';

/** What stands of a stack, for those who do not hold it. Throws STACK_NOT_FOUND. */
export async function readFold(
  executor: Executor,
  stack: string,
  id: string,
): Promise<{ readonly state: StackState; readonly fold: Fold }> {
  const row = await readStackRow(executor, stack, id);
  if (row === undefined) throw notFound(stack, id);
  const rows = await readJournal(executor, stack, id);
  const fold = rows.reduce((before, one) => foldEntry(before, entryOf(one), one.atMs), emptyFold);
  return { state: row.state, fold };
}

export function notFound(stack: string, id: string): StackError {
  return new StackError(
    'STACK_NOT_FOUND',
    `this database has no stack ${stack} ${id}: \`converge workflow list\` shows what there is`,
    { category: 'data' },
  );
}
