import type { Executor } from '@converge/postgres';
import type { StepKey } from '../step/story.ts';
import type { FenceAct, FenceFrom, FenceState, FenceTrigger } from './fence.ts';

export type JournalOp = 'apply' | 'compensate' | 'cancel' | 'deadline' | 'resolve';

/** Why a step failed or is undone, for people and for its compensation. */
export interface Reason {
  readonly code: string;
  readonly text: string;
}

/** What is written of one decision: absent values leave the row as it is. */
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
  /** Of the last row of the journal. */
  readonly seq: number;
  /** It waits for a person. */
  readonly stuck: boolean;
  readonly intent: string | null;
  readonly result: string | null;
  /** JSON: what asks for its undo. */
  readonly undo: string | null;
  readonly reason: Reason | undefined;
}

const journalColumns = `saga, instance, step, seq, version, op, trigger, state_from, state_to, act, outcome, plan,
  cause_event, cause_attempt, emitted_event, actor, note`;

// Two that meet a step at the same time: the second one's insert waits for the first one's commit (then it finds the row,
// and locks it) or rollback (then the row is its own). Under REPEATABLE READ it is told 40001 instead, and rerun. One index
// entry, and one in the journal.
const openSql = `
  with opened as (
    insert into converge.saga_fence
      (saga, instance, step, version, consumer, key, state, intent, result, reason_code, reason, cause_event, cause_attempt,
       undo, stuck_since)
    values ($1, $2, $3, $4, $20, $21, $7, $15, $16, $17, $18, $10, $11, $23, case $7 when 'stuck' then clock_timestamp() end)
    on conflict (saga, instance, step) do nothing
    returning seq)
  insert into converge.saga_step (${journalColumns})
  select $1, $2, $3, opened.seq, $4, $5, $6, $19, $7, $8, $9, $14, $10, $11, $12::uuid, $13, $22 from opened`;

/** The first that reaches the step makes its row. False: there is one. */
export async function openFence(
  tx: Executor,
  at: { readonly consumer: string; readonly key: string },
  change: FenceChange,
  decided: Decided,
): Promise<boolean> {
  const values = valuesOf(change, decided);
  const { rowCount } = await tx.query(openSql, [
    ...values,
    decided.from,
    at.consumer,
    at.key,
    change.note ?? null,
    change.undo ?? null,
  ]);
  return rowCount === 1;
}

const lockSql = `
  select version, consumer, key, state, seq, stuck_since is not null as stuck, intent, result, undo, reason_code, reason
    from converge.saga_fence
   where saga = $1 and instance = $2 and step = $3 for update`;

interface Raw extends Omit<FenceRow, 'reason'> {
  readonly reason_code: string | null;
  readonly reason: string | null;
}

/** By the primary key; locks the row until the end of the transaction. */
export async function lockFence(
  tx: Executor,
  { saga, instance, step }: Omit<StepKey, 'version'>,
): Promise<FenceRow | undefined> {
  const [row] = (await tx.query<Raw>(lockSql, [saga, instance, step])).rows;
  if (row === undefined) return undefined;
  const { reason_code: code, reason: text, ...rest } = row;
  return { ...rest, reason: code === null ? undefined : { code, text: text ?? '' } };
}

// The row is locked by us; a HOT update unless it enters or leaves the index of open ones. It goes on waiting for a person
// through what says nothing about its outcome.
const moveSql = `
  with moved as (
    update converge.saga_fence set
      state = $7, seq = seq + 1, intent = coalesce($15, intent), result = coalesce($16, result), undo = coalesce($21, undo),
      reason_code = coalesce($17, reason_code), reason = coalesce($18, reason), cause_event = $10,
      cause_attempt = coalesce($11, cause_attempt), changed_at = clock_timestamp(),
      stuck_since = case when $6 = 'stuck' then coalesce(stuck_since, clock_timestamp())
        when $6 in ('undo', 'cancel', 'deadline') then stuck_since end
    where saga = $1 and instance = $2 and step = $3
    returning seq)
  insert into converge.saga_step (${journalColumns})
  select $1, $2, $3, moved.seq, $4, $5, $6, $19, $7, $8, $9, $14, $10, $11, $12::uuid, $13, $20 from moved`;

/** Writes a decision about a row that `lockFence` locked. */
export async function moveFence(tx: Executor, change: FenceChange, decided: Decided): Promise<void> {
  const { note = null, undo = null } = change;
  await tx.query(moveSql, [...valuesOf(change, decided), decided.from, note, undo]);
}

function valuesOf(change: FenceChange, { state, act, emitted }: Decided): readonly unknown[] {
  const { saga, instance, step, version, op, trigger, causeEvent, causeAttempt, reason } = change;
  const { outcome, actor, plan, intent, result } = change;
  return [
    ...[saga, instance, step, version, op, trigger, state, act],
    ...[outcome, causeEvent, causeAttempt, emitted, actor, plan, intent, result, reason?.code, reason?.text],
  ].map((value) => value ?? null);
}
