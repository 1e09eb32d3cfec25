import { openTimersSql, withdrawnSql } from '../effects/work/withdraw-sql.ts';
import { sendAhead, sizeUnknownSql, sqlState } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { entrySql, type FenceChange, sqlOf } from './decision-sql.ts';
import { decideFence, type FenceAct, type FenceState } from './fence.ts';

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

// The begin of a step, and its end if it has ended.
const begunSql = `
    select g.version, 'apply'::text as op, 'begin'::text as trigger, 'absent'::text as state_from,
        '${BEGUN.state}'::text as state_to, '${BEGUN.act}'::text as act, null::text as outcome, g.plan, g.cause_event,
        g.cause_attempt, null::uuid as emitted_event, null::text as actor, null::text as note, null::text as work,
        transaction_timestamp() as at`;
const endedSql = `
    select g.version, 'apply'::text as op, g.trigger, '${BEGUN.state}'::text as state_from, g.state as state_to, g.act,
        g.outcome, g.plan, g.cause_event, g.cause_attempt, g.emitted as emitted_event, null::text as actor,
        null::text as note, null::text as work, clock_timestamp() as at
     where g.state is not null`;

const timersSql = `
      select timer.id from opened join given g on g.saga = opened.saga and g.instance = opened.instance and g.step = opened.step
       cross join lateral (${openTimersSql('g.saga', 'g.instance', 'g.step', 'true')}) as timer where g.withdraws`;

// A row that is there makes the insert fail (23505), and so does one that may have been removed: its state is null, which
// the table refuses (23502). Two transactions that reach a step at the same time: the second one's insert waits, and fails
// if the first one commits. The cost of a step is one row and two index entries.
const INSERT = sqlOf(
  (withdraws) => `
  with given as materialized (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
        $18::text[], $19::timestamptz[], $20::boolean[])
      with ordinality as g (saga, instance, step, version, trigger, state, act, outcome, plan, cause_event, cause_attempt,
        emitted, intent, result, reason_code, reason, consumer, key, run_at, withdraws, row)
     ${sizeUnknownSql}),
  opened as (
    insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, seq, journal, intent, result,
      reason_code, reason, cause_event, cause_attempt, created_at, changed_at)
    select g.saga, g.instance, g.step, g.version, g.consumer, g.key,
        case when not exists (select from converge.saga_horizon h where h.saga = g.saga and h.before > g.run_at)
          then coalesce(g.state, '${BEGUN.state}') end,
        case when ended.at is null then 1 else 2 end,
        array[${entrySql('begun')}] || case when ended.at is null then '{}' else array[${entrySql('ended')}] end,
        g.intent, g.result, g.reason_code, g.reason, g.cause_event, g.cause_attempt, begun.at, coalesce(ended.at, begun.at)
      from given g cross join lateral (${begunSql}) as begun left join lateral (${endedSql}) as ended on true
     order by g.row
    returning saga, instance, step)${withdraws ? `,\n  withdrawn as (${withdrawnSql(timersSql)})` : ''}
  select from opened`,
);

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
