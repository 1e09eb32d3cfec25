import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import {
  type ClaimedWork,
  continueStory,
  type Outcome,
  type StuckReason,
  type WorkAttempt,
  type WorkState,
} from '../work/work.ts';

/** The number of attempts that a row keeps; the counters count all. */
const REMEMBERED = 50;

/** The attempts that a worker made for one claimed row, as the row stores them. */
export interface AttemptsMade {
  readonly calls: number;
  readonly queries: number;
  readonly attempts: readonly WorkAttempt[];
  /** The change of `final_at`: a call without effect restores the value before, a final "not found" clears it. */
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

/** What becomes of a claimed row. */
interface Written {
  /** `answered`: its outcome is recorded later, without a second call. */
  readonly state: Exclude<WorkState, 'calling'>;
  /** The time until it is due, in milliseconds. @default 0 */
  readonly delayMs?: number;
  readonly reason?: StuckReason;
  /** @default the row's */
  readonly outcome?: Outcome;
}

/** Ends the claim with what was decided. False = the claim was lost. */
export async function writeWork(
  executor: Executor,
  work: ClaimedWork,
  { calls, queries, attempts, doubt }: AttemptsMade,
  { state, delayMs = 0, reason, outcome }: Written,
): Promise<boolean> {
  const story = JSON.stringify(continueStory(work.story, attempts).slice(-REMEMBERED));
  const { rowCount } = await executor.query(writeSql, [
    ...[work.id, work.term, state, reason ?? null, outcome === undefined ? null : JSON.stringify(outcome)],
    ...[delayMs, calls, queries, story, doubt, work.doubtUntil],
  ]);
  return rowCount === 1;
}

// Work of steps leaves: the reactions write what became of it. It is fenced as in `writeSql`. The lock of each row's step is
// taken after the rows. It reads the newest row, as every lock does.
const closing = (lockSql: string) =>
  givenRows<Pick<ClaimedWork, 'id' | 'term'>>(
    { id: ['uuid', ({ id }) => id], term: ['bigint', ({ term }) => term] },
    (given) => `
  with given as materialized (${given}),
  ended as (
    delete from converge.saga_work work using given
     where work.id = given.id and work.term = given.term and work.state in ('ready', 'calling', 'unknown', 'answered')
    returning work.id, work.saga, work.instance, work.step)
  select ended.id, to_json(locked) as locked
    from ended left join lateral (
      with closed as (select ended.saga, ended.instance, ended.step) ${lockSql}) as locked on true`,
  );

/**
 * Deletes work of steps whose outcome is known, in the transaction of the reactions, and locks the rows that `lockSql`
 * selects. Returns the locked rows by the id of the work: of those whose claim was not lost.
 */
export async function closeWorks(
  executor: Executor,
  works: readonly Pick<ClaimedWork, 'id' | 'term'>[],
  lockSql: string,
): Promise<ReadonlyMap<string, unknown>> {
  const { rows } = await executor.query<{ id: string; locked: unknown }>(...closing(lockSql)(works));
  return new Map(rows.map(({ id, locked }) => [id, locked ?? undefined]));
}
