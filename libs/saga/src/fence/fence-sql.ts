import type { Executor } from '@convergekit/postgres';
import { type JournalOp, type StepKey, withdrawTimersSql } from '@convergekit/effects/engine';
import { decideFence, type FenceAct, type FenceFrom, type FenceState, type FenceTrigger } from './fence.ts';
import { columnsOf, FENCE_COLUMNS, fenceSealSql, stepSealSql } from './seal-sql.ts';

/** The reason why a step failed or is undone, for operators and the compensation. */
export interface Reason {
  readonly code: string;
  readonly text: string;
}

/** The fields of one decision: absent values leave the row unchanged. */
export interface FenceChange extends StepKey {
  readonly op: JournalOp;
  readonly trigger: FenceTrigger;
  readonly causeEvent: string;
  readonly causeAttempt?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly intent?: string | undefined;
  readonly result?: string | undefined;
  readonly undo?: string | undefined;
  readonly outcome?: string | undefined;
  readonly plan?: string | undefined;
  readonly actor?: string | undefined;
  readonly note?: string | undefined;
  /** The time when the causing event was emitted: a repeat from before the record's removal does nothing. */
  readonly causeTime?: Date | undefined;
}

/** The decision that is written. */
export interface Decided {
  readonly from: FenceFrom;
  readonly state: FenceState;
  readonly act: FenceAct;
  readonly emitted: string | undefined;
}

/** A fence row, locked. */
export interface FenceRow {
  readonly version: number;
  readonly consumer: string;
  readonly key: string;
  readonly state: FenceState;
  /** The number of the last row of the journal. */
  readonly seq: number;
  /** True when the step waits for an operator. */
  readonly stuck: boolean;
  readonly intent: string | null;
  readonly result: string | null;
  /** The cause of the step's undo, as JSON. */
  readonly undo: string | null;
  readonly reason: Reason | undefined;
}

const journalColumns = `saga, instance, step, seq, version, op, trigger, state_from, state_to, act, outcome, plan,
  cause_event, cause_attempt, emitted_event, actor, note, at, seal`;

/** The columns of a row of the journal that are not the same in every statement, as SQL. */
interface DecisionColumns {
  readonly seq: string;
  readonly from: string;
  readonly note: string;
  readonly trigger?: string;
  readonly state?: string;
  readonly act?: string;
  readonly outcome?: string;
  readonly emitted?: string;
  readonly at?: string;
}

/** A row of the journal, with the parameters that all statements have in the same places. */
const decisionSql = ({ seq, from, note, ...of }: DecisionColumns): string => `
    select $1::text as saga, $2::text as instance, $3::text as step, ${seq} as seq, $4::int as version, $5::text as op,
        ${of.trigger ?? '$6'}::text as trigger, ${from}::text as state_from, ${of.state ?? '$7'}::text as state_to,
        ${of.act ?? '$8'}::text as act, ${of.outcome ?? '$9'}::text as outcome, $14::text as plan,
        $10::text as cause_event, $11::text as cause_attempt, ${of.emitted ?? '$12'}::uuid as emitted_event,
        $13::text as actor, ${note}::text as note, ${of.at ?? 'clock_timestamp()'} as at`;

/** A fence that has no row yet, of the last row of its journal. */
const newFenceSql = (row: string, seq: string, createdAt: string): string => `
    select saga, instance, step, version, $20::text as consumer, $21::text as key, state_to as state, ${seq} as seq,
        $15::text as intent, $16::text as result, $23::text as undo, $17::text as reason_code, $18::text as reason,
        cause_event, cause_attempt, case state_to when 'stuck' then at end as stuck_since, ${createdAt} as created_at,
        at as changed_at, seal as journal_seal
      from ${row}`;

// Two transactions may reach a step at the same time: the second one's insert waits. After the first one's commit the
// second finds the row and locks it; after a rollback the row is its own. The second fails with 40001 under REPEATABLE
// READ, and is rerun.
const openedSql = `
    insert into converge.saga_fence (${FENCE_COLUMNS}, seal)
    select ${FENCE_COLUMNS}, ${fenceSealSql('fence')} from fence
     where $24::timestamptz is null
        or not exists (select from converge.saga_horizon h where h.saga = $1 and h.before > $24::timestamptz)
    on conflict (saga, instance, step) do nothing
    returning seq`;

/** The timers of the step end where it is decided. */
const withTimers = (withdraws: boolean, condition: string): string =>
  withdraws ? `,\n  withdrawn as (${withdrawTimersSql('$1', '$2', '$3', condition)})` : '';

// The cost is one index entry, and one in the journal. The statement that writes both rows seals them.
const openSql = (withdraws: boolean): string => `
  with decision as materialized (${decisionSql({ seq: '1', from: '$19', note: '$22' })}),
  sealed as materialized (select decision.*, ${stepSealSql('decision', 'null')} as seal from decision),
  fence as materialized (${newFenceSql('sealed', '1', 'at')}),
  opened as (${openedSql})${withTimers(withdraws, 'exists (select from opened)')}
  insert into converge.saga_step (${journalColumns})
  select ${columnsOf('sealed', journalColumns)} from sealed, opened`;

const BEGUN = decideFence('absent', 'begin');
const begunColumns = {
  ...{ seq: '1', from: `'absent'`, note: 'null', trigger: `'begin'`, state: `'${BEGUN.state}'` },
  ...{ act: `'${BEGUN.act}'`, outcome: 'null', emitted: 'null', at: 'transaction_timestamp()' },
};

// The same with two rows of the journal: the step began with its transaction, and has ended by now.
const openEndedSql = (withdraws: boolean): string => `
  with begin as materialized (${decisionSql(begunColumns)}),
  begun as materialized (select begin.*, ${stepSealSql('begin', 'null')} as seal from begin),
  decision as materialized (${decisionSql({ seq: '2', from: '$19', note: '$22' })}),
  sealed as materialized (
    select decision.*, ${stepSealSql('decision', 'begun.seal')} as seal from decision, begun),
  fence as materialized (${newFenceSql('sealed', '2', '(select begun.at from begun)')}),
  opened as (${openedSql})${withTimers(withdraws, 'exists (select from opened)')}
  insert into converge.saga_step (${journalColumns})
  select ${columnsOf('one', journalColumns)}
    from (select * from begun union all select * from sealed) as one, opened`;

const sqlOf = (text: (withdraws: boolean) => string): Record<'plain' | 'withdrawing', string> => ({
  plain: text(false),
  withdrawing: text(true),
});
const OPEN = { once: sqlOf(openSql), ended: sqlOf(openEndedSql) };

/** The place of a row that is made. */
interface NewFence {
  readonly consumer: string;
  readonly key: string;
  readonly startedAt?: Date | undefined;
  /** True when the journal gets the begin of the step, too: it began in this transaction. */
  readonly ended?: boolean;
  /** True when the timers of the step end. */
  readonly withdraws: boolean;
}

/**
 * Creates the row of a step that is reached for the first time. False: there is a row or, for a run that started at
 * `startedAt`, there may have been one that was removed.
 */
export async function openFence(
  tx: Executor,
  at: NewFence,
  change: FenceChange,
  decided: Decided,
): Promise<boolean> {
  const { plain, withdrawing } = at.ended === true ? OPEN.ended : OPEN.once;
  const values = valuesOf(change, decided);
  const { rowCount } = await tx.query(at.withdraws ? withdrawing : plain, [
    ...values,
    decided.from,
    at.consumer,
    at.key,
    change.note ?? null,
    change.undo ?? null,
    at.startedAt ?? null,
  ]);
  return rowCount > 0;
}

/** The columns of a fence row, of a table named `fence`. */
const fenceRowSql = `fence.version, fence.consumer, fence.key, fence.state, fence.seq,
    fence.stuck_since is not null as stuck, fence.intent, fence.result, fence.undo, fence.reason_code, fence.reason`;

const lockSql = `
  select ${fenceRowSql} from converge.saga_fence fence
   where saga = $1 and instance = $2 and step = $3 for update`;

/** Locks the fence of a step's work in the statement that closes the work: see `Effect.lockSql`. */
export const lockOfWorkSql = `
    select ${fenceRowSql} from closed
      join converge.saga_fence fence
        on fence.saga = closed.saga and fence.instance = closed.instance and fence.step = closed.step
     for update of fence`;

/** A fence row as the database gives it. */
export interface RawFence extends Omit<FenceRow, 'reason'> {
  readonly reason_code: string | null;
  readonly reason: string | null;
}

/** Locks the row by the primary key until the end of the transaction. */
export async function lockFence(
  tx: Executor,
  { saga, instance, step }: Omit<StepKey, 'version'>,
): Promise<FenceRow | undefined> {
  const [row] = (await tx.query<RawFence>(lockSql, [saga, instance, step])).rows;
  return row && fenceRowOf(row);
}

export function fenceRowOf({ reason_code: code, reason: text, ...rest }: RawFence): FenceRow {
  return { ...rest, reason: code === null ? undefined : { code, text: text ?? '' } };
}

// The row is locked by us. It goes on waiting for an operator through what says nothing about its outcome.
const moveSql = (withdraws: boolean): string => `
  with known as materialized (
    select * from converge.saga_fence where saga = $1 and instance = $2 and step = $3),
  decision as materialized (
    select d.*, known.journal_seal as before
      from known cross join lateral (${decisionSql({ seq: 'known.seq + 1', from: '$19', note: '$20' })}) as d),
  sealed as materialized (select decision.*, ${stepSealSql('decision', 'decision.before')} as seal from decision),
  fence as materialized (
    select known.saga, known.instance, known.step, known.version, known.consumer, known.key, sealed.state_to as state,
        sealed.seq, coalesce($15, known.intent) as intent, coalesce($16, known.result) as result,
        coalesce($21, known.undo) as undo, coalesce($17, known.reason_code) as reason_code,
        coalesce($18, known.reason) as reason, sealed.cause_event,
        coalesce(sealed.cause_attempt, known.cause_attempt) as cause_attempt,
        case when sealed.trigger = 'stuck' then coalesce(known.stuck_since, sealed.at)
          when sealed.trigger in ('undo', 'cancel', 'deadline') then known.stuck_since end as stuck_since,
        known.created_at, sealed.at as changed_at, sealed.seal as journal_seal
      from known, sealed),
  moved as (
    update converge.saga_fence f set
      state = fence.state, seq = fence.seq, intent = fence.intent, result = fence.result, undo = fence.undo,
      reason_code = fence.reason_code, reason = fence.reason, cause_event = fence.cause_event,
      cause_attempt = fence.cause_attempt, stuck_since = fence.stuck_since, changed_at = fence.changed_at,
      journal_seal = fence.journal_seal, seal = ${fenceSealSql('fence')}
    from fence where f.saga = $1 and f.instance = $2 and f.step = $3
    returning f.seq)${withTimers(withdraws, 'exists (select from moved)')}
  insert into converge.saga_step (${journalColumns})
  select ${columnsOf('sealed', journalColumns)} from sealed, moved`;
const MOVE = sqlOf(moveSql);

/** Writes a decision about a locked row. `withdraws`: the timers of the step end. */
export async function moveFence(
  tx: Executor,
  change: FenceChange,
  decided: Decided,
  withdraws: boolean,
): Promise<void> {
  const { note = null, undo = null } = change;
  await tx.query(withdraws ? MOVE.withdrawing : MOVE.plain, [
    ...valuesOf(change, decided),
    decided.from,
    note,
    undo,
  ]);
}

function valuesOf(change: FenceChange, { state, act, emitted }: Decided): readonly unknown[] {
  const { saga, instance, step, version, op, trigger, causeEvent, causeAttempt, reason } = change;
  const { outcome, actor, plan, intent, result } = change;
  return [
    ...[saga, instance, step, version, op, trigger, state, act],
    ...[outcome, causeEvent, causeAttempt, emitted, actor, plan, intent, result, reason?.code, reason?.text],
  ].map((value) => value ?? null);
}
