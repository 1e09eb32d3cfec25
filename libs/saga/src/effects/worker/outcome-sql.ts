import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import type { Next } from '../work/decide.ts';
import { type ClaimedWork, continueStory, type Outcome, type WorkAttempt } from '../work/work.ts';

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

/** An outcome of a claimed row, and the attempts that led to it. */
export interface KnownOutcome {
  readonly work: ClaimedWork;
  readonly outcome: Outcome;
  readonly made: AttemptsMade;
}

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

/** Closes a row with its outcome, in the transaction of the reactions. False = the claim was lost. */
export function closeWork(executor: Executor, { work, outcome, made }: KnownOutcome): Promise<boolean> {
  return write(executor, work, made, { state: stateOf(outcome), outcome, delayMs: 0 });
}

function stateOf({ kind }: Outcome): 'done' | 'failed' {
  return kind === 'succeeded' ? 'done' : 'failed';
}

function storyOf({ story }: ClaimedWork, { attempts }: AttemptsMade): string {
  return JSON.stringify(continueStory(story, attempts).slice(-REMEMBERED));
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

function valuesOf(work: ClaimedWork, made: AttemptsMade, to: Written): readonly unknown[] {
  const { id, term, doubtUntil } = work;
  const { calls, queries, doubt } = made;
  return [
    id,
    term,
    to.state,
    to.reason ?? null,
    to.outcome === undefined ? null : JSON.stringify(to.outcome),
    to.delayMs,
    calls,
    queries,
    storyOf(work, made),
    doubt,
    doubtUntil,
  ];
}
