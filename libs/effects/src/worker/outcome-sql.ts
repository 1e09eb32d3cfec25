import type { Executor } from '@convergekit/postgres';
import type { Next } from '../work/decide.ts';
import type { ClaimedWork, Outcome, WorkAttempt } from '../work/work.ts';

/** The number of attempts that a row keeps; the counters count all. */
const REMEMBERED = 50;

/** The attempts that a worker made for one claimed row, as the row stores them. */
export interface AttemptsMade {
  readonly calls: number;
  readonly queries: number;
  readonly attempts: readonly WorkAttempt[];
  /**
   * The change of `final_at`: a call certainly without effect restores the earlier value, a final "not found" clears
   * it.
   */
  readonly doubt: 'kept' | 'as_before' | 'cleared';
}

// The term fences the write: a later claim has a higher term, and the older holder's write is dropped. The row is found
// by the primary key, and locked until the end of the transaction.
const writeSql = `
  update converge.saga_work set
    state = $3, stuck_reason = $4, outcome = coalesce($5, outcome),
    due_at = clock_timestamp() + $6::float8 * interval '1 millisecond',
    ended_at = case when $3 in ('done', 'failed') then clock_timestamp() end,
    final_at = case $10 when 'as_before' then $11::timestamptz when 'kept' then final_at end,
    holder = null, attempts = attempts + $7, queries = queries + $8, story = $9
  where id = $1 and term = $2 and state in ('ready', 'calling', 'unknown', 'answered')`;

/** Ends the claim with what was decided, except what follows from an outcome. False = the claim was lost. */
export function writeNext(
  executor: Executor,
  work: ClaimedWork,
  next: Extract<Next, { kind: 'again' | 'stuck' }>,
  made: AttemptsMade,
): Promise<boolean> {
  return next.kind === 'again'
    ? write(executor, work, made, { state: next.state, delayMs: next.wait?.computedMs ?? 0 })
    : write(executor, work, made, { state: 'stuck', reason: next.reason, delayMs: 0 });
}

// The lock is taken after the work's row. It reads the newest row, as every lock does.
const closeSql = (lockSql: string): string => `
  with closed as (${writeSql}
    returning saga, instance, step),
  locked as materialized (${lockSql})
  select to_json(locked) as locked from closed left join locked on true`;

/**
 * Closes the row with its outcome, in the transaction of the reactions, and locks the row that `lockSql` selects.
 * Undefined: the claim was lost.
 */
export async function writeOutcome(
  executor: Executor,
  work: ClaimedWork,
  outcome: Outcome,
  made: AttemptsMade,
  lockSql: string | undefined,
): Promise<{ readonly locked: unknown } | undefined> {
  const state = outcome.kind === 'succeeded' ? 'done' : 'failed';
  const values = valuesOf(work, made, { state, outcome, delayMs: 0 });
  if (lockSql === undefined) {
    const { rowCount } = await executor.query(writeSql, values);
    return rowCount === 1 ? { locked: undefined } : undefined;
  }
  const [row] = (await executor.query<{ locked: unknown }>(closeSql(lockSql), values)).rows;
  return row && { locked: row.locked ?? undefined };
}

/** Keeps an outcome that could not be recorded: it is recorded later, without a second call. False = the claim was lost. */
export function writeAnswered(
  executor: Executor,
  work: ClaimedWork,
  outcome: Outcome,
  made: AttemptsMade,
  delayMs: number,
): Promise<boolean> {
  return write(executor, work, made, { state: 'answered', outcome, delayMs });
}

interface Written {
  readonly state: string;
  readonly delayMs: number;
  readonly reason?: string;
  readonly outcome?: Outcome;
}

async function write(
  executor: Executor,
  work: ClaimedWork,
  made: AttemptsMade,
  to: Written,
): Promise<boolean> {
  return (await executor.query(writeSql, valuesOf(work, made, to))).rowCount === 1;
}

function valuesOf(
  { id, term, story, doubtUntil }: ClaimedWork,
  { calls, queries, attempts, doubt }: AttemptsMade,
  to: Written,
): readonly unknown[] {
  return [
    id,
    term,
    to.state,
    to.reason ?? null,
    to.outcome === undefined ? null : JSON.stringify(to.outcome),
    to.delayMs,
    calls,
    queries,
    JSON.stringify([...story, ...attempts].slice(-REMEMBERED)),
    doubt,
    doubtUntil,
  ];
}
