import type { Executor } from '@convergekit/postgres';
import type { StepKey } from '@convergekit/effects/engine';
import {
  type Decided,
  decisionSql,
  type FenceChange,
  journalColumns,
  type Reason,
  sqlOf,
  valuesOf,
  withTimers,
} from './decision-sql.ts';
import type { FenceState } from './fence.ts';
import { columnsOf, fenceSealSql, stepSealSql } from './seal-sql.ts';

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
