import { type Executor, executorOf } from '@convergekit/postgres';
import type { Transaction } from 'kysely';
import { factId, stuckId } from '../step/saga-ref.ts';
import { decideFence, type FenceAct, type FenceDecision, type FenceFrom, isDecided } from './fence.ts';
import type { FenceChange } from './decision-sql.ts';
import { entryOf } from './entry.ts';
import { type FenceRow, lockFence } from './fence-sql.ts';
import { type FenceMove, moveFence } from './move-fences-sql.ts';
import { type EndedAtOnce, type NewFence, openFence } from './new-fences-sql.ts';
import { fromBelow, horizonOf, startOf } from './horizon.ts';

/** The result of a trigger. */
export interface Transition {
  readonly from: FenceFrom;
  readonly state: FenceFrom;
  readonly act: FenceAct;
  /** The locked row before the trigger; none when the trigger created it, or nothing reached the step. */
  readonly row: FenceRow | undefined;
  /** The id of the event that is emitted, if one is. */
  readonly emits: string | undefined;
  /** The number of the trigger's journal row, or of the last row before. */
  readonly seq: number;
}

/** A trigger, and the consumer and key by which operators find the row. */
export type TriggerRequest = FenceChange & {
  readonly consumer: string;
  readonly key: string;
  /** The id of the failure event that is emitted. */
  readonly failureId?: string;
  /** True when the step may have timers: the statement that decides it withdraws them. @default false */
  readonly timed?: boolean;
};

/**
 * Applies a trigger to the fence of its step, in the caller's transaction. The row is inserted, or locked and then
 * decided by `decideFence`; decisions are written in the journal. In whichever order two triggers commit, the second
 * one sees the first.
 */
export async function applyTrigger<DB>(tx: Transaction<DB>, request: TriggerRequest): Promise<Transition> {
  const executor = executorOf(tx);
  const startedAt = startOf(request.instance);
  const first = await openAs(executor, request, 'absent', startedAt);
  if (first !== undefined) return first;
  const row = await lockFence(executor, request);
  if (row !== undefined) return applyToLocked(executor, request, row);
  const before = startedAt === undefined ? undefined : await horizonOf(executor, request.saga);
  const from = fromBelow({ startedAt, before }, request);
  if (from === 'repeat') return { ...NOTHING, from: 'forgotten', state: 'forgotten', act: 'noop_already' };
  const opened = await openAs(executor, request, from, undefined);
  if (opened !== undefined) return opened;
  // No transition happens, or another transaction has created the row since.
  const known = await lockFence(executor, request);
  if (known !== undefined) return applyToLocked(executor, request, known);
  return { ...NOTHING, from, ...decideFence(from, request.trigger) };
}

/** Returns the fence of a step that nothing has reached yet, and that begins. Pure. */
export function begunFence(request: TriggerRequest): NewFence {
  return { change: request, ...placeOf(request), ended: undefined, withdraws: false };
}

/** Returns the fence of a local step that begins and ends in one transaction. Pure. */
export function endedFence(
  request: TriggerRequest & { readonly trigger: 'applied' | 'rejected' },
): NewFence & { readonly ended: EndedAtOnce } {
  const { state: from } = decideFence('absent', 'begin');
  const { state, act } = decideFence(from, request.trigger);
  if (state === 'absent' || state === 'forgotten')
    throw new TypeError(`${request.trigger} leaves a step ${state}`);
  const ended = { state, act, emitted: emitsOf(request, act, 2) };
  return { change: request, ...placeOf(request), ended, withdraws: withdraws(request, from, state) };
}

function placeOf({ consumer, key, instance }: TriggerRequest) {
  return { consumer, key, startedAt: startOf(instance) };
}

function withdraws({ timed }: TriggerRequest, from: FenceFrom, state: FenceFrom): boolean {
  return timed === true && state !== from && isDecided(state);
}

const NOTHING = { row: undefined, emits: undefined, seq: 0 } as const;

/** Makes the row of a step that has none. Undefined: the trigger makes none, there is one, or there may have been one. */
async function openAs(
  executor: Executor,
  request: TriggerRequest,
  from: 'absent' | 'forgotten',
  startedAt: Date | undefined,
): Promise<Transition | undefined> {
  const { state, act } = decideFence(from, request.trigger);
  if (state === 'absent' || state === 'forgotten') return undefined;
  const emits = emitsOf(request, act, 1);
  const decided = { from, state, act, emitted: emits };
  const fence = { change: request, decided, ...placeOf(request), startedAt };
  if (!(await openFence(executor, { ...fence, withdraws: withdraws(request, from, state) })))
    return undefined;
  return { from, state, act, row: undefined, emits, seq: 1 };
}

/** Applies a trigger to a row that the caller has locked. */
export async function applyToLocked(
  executor: Executor,
  request: TriggerRequest,
  row: FenceRow,
): Promise<Transition> {
  const { transition, move } = decideMove(request, row);
  if (move !== undefined) await moveFence(executor, move);
  return transition;
}

/** Returns what a trigger does to a locked row, and what is written; undefined: nothing. Pure. */
export function decideMove(
  request: TriggerRequest,
  row: FenceRow,
): { readonly transition: Transition; readonly move: FenceMove | undefined } {
  const { state, act } = decideLocked(request, row);
  const { state: from } = row;
  if (act === 'noop_already' || state === 'absent' || state === 'forgotten') {
    const emits = emitsOf(request, act, row.seq);
    return { transition: { from, state, act, row, emits, seq: row.seq }, move: undefined };
  }
  const seq = row.seq + 1;
  const emits = emitsOf(request, act, seq);
  const decided = { from, state, act, emitted: emits };
  return {
    transition: { from, state, act, row, emits, seq },
    move: {
      change: request,
      decided,
      withdraws: withdraws(request, from, state),
      entry: entryOf({ change: request, decided }, row),
    },
  };
}

/** Pure: the decision of the fence, between versions too. */
function decideLocked({ trigger, version }: TriggerRequest, row: FenceRow): FenceDecision {
  const decision = decideFence(row.state, trigger);
  if (trigger !== 'undo' || row.version === version) return decision;
  // A version cannot undo a step that another version began: it may not know the steps between. The failure of the
  // other version comes separately: see `begin`.
  if (decision.state !== row.state) return { state: row.state, act: 'noop_already' };
  // Only the steps of the row's version know that nothing is left.
  return row.state === 'undo_pending' ? decision : decideFence(row.state, 'undone');
}

function emitsOf(request: TriggerRequest, act: FenceAct, seq: number): string | undefined {
  switch (act) {
    case 'emit_success':
      return factId(request, 'success');
    case 'emit_failure':
      return request.failureId ?? factId(request, 'failure');
    case 'emit_undone':
      return factId(request, 'undone');
    case 'wait':
      // Emitted for observers: the step waits for an operator, or does so no longer.
      if (request.trigger === 'stuck' || request.trigger === 'retry') return stuckId(request, seq);
      return request.trigger === 'unknown' ? request.failureId : undefined;
    case 'run':
    case 'undo':
    case 'noop_already':
    case 'rejected_by_tombstone':
    case 'cancel_refused':
    case 'closed':
      return undefined;
  }
}
