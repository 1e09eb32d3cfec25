import type { Executor } from '@convergekit/postgres';
import type { StackState, StackStuckReason } from './entry.ts';
import { readJournal } from './journal-sql.ts';
import { notFound } from './read-fold.ts';
import type { StackRecord } from './verify.ts';

/** A stack as an operator sees it. Times are the database's. */
export interface StackView {
  readonly stack: string;
  readonly id: string;
  readonly state: StackState;
  readonly stuckReason: StackStuckReason | null;
  readonly entries: number;
  readonly holder: string | null;
  readonly dueAt: Date | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

export interface StackFilter {
  readonly states: readonly StackState[];
  readonly stack?: string | undefined;
  readonly limit: number;
}

/** The oldest first. A scan: for people. */
export async function listStacks(executor: Executor, filter: StackFilter): Promise<readonly StackView[]> {
  const { rows } = await executor.query<StackView>(
    `select stack, id, state, stuck_reason as "stuckReason", entries, holder, due_at as "dueAt",
            created_at as "createdAt", ended_at as "endedAt"
       from converge.saga_stack
      where state = any ($1::text[]) and ($2::text is null or stack = $2) order by created_at limit $3`,
    [filter.states, filter.stack ?? null, filter.limit],
  );
  return rows;
}

/** Row and journal, as one statement sees them where the caller's transaction says so. Throws STACK_NOT_FOUND. */
export async function readStack(executor: Executor, stack: string, id: string): Promise<StackRecord> {
  const { rows } = await executor.query<Omit<StackRecord, 'journal'>>(
    `select stack, id, input, state, stuck_reason as "stuckReason", result, entries, seal
       from converge.saga_stack where stack = $1 and id = $2`,
    [stack, id],
  );
  const [row] = rows;
  if (row === undefined) throw notFound(stack, id);
  const journal = await readJournal(executor, stack, id);
  // Entries that came between the two statements are none of this row's.
  return { ...row, journal: journal.filter(({ seq }, index) => index < row.entries || seq <= row.entries) };
}

// The row's lock keeps workers away while a person decides; a higher term fences whoever may still think that it is theirs.
export const takeSql = `
  update converge.saga_stack one set term = one.term + 1
  where one.stack = $1 and one.id = $2 and (one.holder is null or one.due_at <= clock_timestamp())
  returning one.stack, one.id, one.term, one.input, one.entries, one.seal,
    extract(epoch from clock_timestamp()) * 1000 as "nowMs"`;
