import { openTimersSql, withdrawnSql } from '@convergekit/effects/engine';
import { sendAhead, sizeUnknownSql, sqlState } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { type FenceChange, journalColumns } from './decision-sql.ts';
import { decideFence, type FenceAct, type FenceState } from './fence.ts';
import { columnsOf, FENCE_COLUMNS, fenceSealSql, stepSealSql } from './seal-sql.ts';

/** The fence of a step that begins, and perhaps ends, in this transaction. */
export interface NewFence {
  readonly change: FenceChange;
  readonly consumer: string;
  readonly key: string;
  /** The start of the run, where its id says it. */
  readonly startedAt: Date | undefined;
  /** The outcome of a local step, which has its effect in this transaction; undefined: the step has only begun. */
  readonly ended: EndedAtOnce | undefined;
  /** True when the timers of the step end. */
  readonly withdraws: boolean;
}

/** The outcome of a step that ended in the transaction in which it began. */
export interface EndedAtOnce {
  readonly state: FenceState;
  readonly act: FenceAct;
  readonly emitted: string | undefined;
}

const BEGUN = decideFence('absent', 'begin');

// Each step has a row in the journal for its begin, and a second one if it has ended.
const begunSql = `
    select g.saga, g.instance, g.step, 1 as seq, g.version, 'apply'::text as op, 'begin'::text as trigger,
        'absent'::text as state_from, '${BEGUN.state}'::text as state_to, '${BEGUN.act}'::text as act,
        null::text as outcome, g.plan, g.cause_event, g.cause_attempt, null::uuid as emitted_event, null::text as actor,
        null::text as note, transaction_timestamp() as at, g.row
      from given g`;
const endedSql = `
    select g.saga, g.instance, g.step, 2 as seq, g.version, 'apply'::text as op, g.trigger,
        '${BEGUN.state}'::text as state_from, g.state as state_to, g.act, g.outcome, g.plan, g.cause_event,
        g.cause_attempt, g.emitted as emitted_event, null::text as actor, null::text as note, clock_timestamp() as at,
        g.row, begun.seal as before, begun.at as begun_at
      from given g join begun on begun.row = g.row where g.state is not null`;

// A row that is there makes the insert fail (23505), and so does one that may have been removed: its state is null, which
// the table refuses (23502). Two transactions that reach a step at the same time: the second one's insert waits, and fails
// if the first one commits. The cost of a step is one index entry, and one or two in the journal.
const insertSql = (withdraws: boolean): string => `
  with given as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::text[], $19::timestamptz[], $20::boolean[])
      with ordinality as g (saga, instance, step, version, trigger, state, act, outcome, plan, cause_event, cause_attempt,
        emitted, intent, result, reason_code, reason, consumer, key, run_at, withdraws, row)
     ${sizeUnknownSql}),
  begin as materialized (${begunSql}),
  begun as materialized (select begin.*, ${stepSealSql('begin', 'null')} as seal from begin),
  decision as materialized (${endedSql}),
  decided as materialized (select decision.*, ${stepSealSql('decision', 'decision.before')} as seal from decision),
  last as materialized (
    select state_to, seq, begun.at as created_at, at as changed_at, seal, row from begun
     where not exists (select from decided where decided.row = begun.row)
    union all select state_to, seq, begun_at, at, seal, row from decided),
  fence as materialized (
    select g.saga, g.instance, g.step, g.version, g.consumer, g.key,
        case when not exists (select from converge.saga_horizon h where h.saga = g.saga and h.before > g.run_at)
          then last.state_to end as state,
        last.seq, g.intent, g.result, null::text as undo, g.reason_code, g.reason, g.cause_event, g.cause_attempt,
        null::timestamptz as stuck_since, last.created_at, last.changed_at, last.seal as journal_seal, g.row
      from given g join last on last.row = g.row),
  opened as (
    insert into converge.saga_fence (${FENCE_COLUMNS}, seal)
    select ${FENCE_COLUMNS}, ${fenceSealSql('fence')} from fence order by row
    returning saga, instance, step)${withdraws ? `,\n  withdrawn as (${withdrawnSql(timersSql)})` : ''}
  insert into converge.saga_step (${journalColumns})
  select ${columnsOf('one', journalColumns)}
    from (select ${journalColumns}, row from begun union all select ${journalColumns}, row from decided) as one,
      (select count(*) from opened) as after_the_fences
   order by one.row, one.seq`;

const timersSql = `
      select timer.id from opened join given g on g.saga = opened.saga and g.instance = opened.instance and g.step = opened.step
       cross join lateral (${openTimersSql('g.saga', 'g.instance', 'g.step', 'true')}) as timer where g.withdraws`;

const INSERT = { plain: insertSql(false), withdrawing: insertSql(true) };

/** True for the error of an insert that found one of its steps reached, or possibly reached and forgotten. */
export function isReached(error: unknown): boolean {
  return ['23505', '23502'].includes(sqlState(error) ?? '');
}

/**
 * Inserts the fences of distinct steps, with their journal, by one statement whose answer is not awaited. `failed`: see
 * `sendAhead`; the statement fails as a whole when one of the steps was reached before.
 */
export async function insertFences<DB>(
  tx: Transaction<DB>,
  fences: readonly NewFence[],
  failed: (error: unknown) => unknown,
): Promise<void> {
  const text = fences.some(({ withdraws }) => withdraws) ? INSERT.withdrawing : INSERT.plain;
  await sendAhead(tx, { text, values: valuesOf(fences), failed });
}

function valuesOf(fences: readonly NewFence[]): readonly unknown[] {
  const column = (of: (fence: NewFence) => unknown) => fences.map((fence) => of(fence) ?? null);
  return [
    column(({ change }) => change.saga),
    column(({ change }) => change.instance),
    column(({ change }) => change.step),
    column(({ change }) => change.version),
    column(({ change }) => change.trigger),
    column(({ ended }) => ended?.state),
    column(({ ended }) => ended?.act),
    column(({ change }) => change.outcome),
    column(({ change }) => change.plan),
    column(({ change }) => change.causeEvent),
    column(({ change }) => change.causeAttempt),
    column(({ ended }) => ended?.emitted),
    column(({ change }) => change.intent),
    column(({ change }) => change.result),
    column(({ change }) => change.reason?.code),
    column(({ change }) => change.reason?.text),
    column(({ consumer }) => consumer),
    column(({ key }) => key),
    column(({ startedAt }) => startedAt),
    column(({ withdraws }) => withdraws),
  ];
}
