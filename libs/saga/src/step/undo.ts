import type { DomainEvent } from '@convergekit/contracts';
import { STEP_UNDONE_TYPE } from '@convergekit/contracts/engine';
import { executorOf } from '@convergekit/postgres';
import type { Transaction } from 'kysely';
import { joinMember } from '../fence/join-sql.ts';
import type { FenceState } from '../fence/fence.ts';
import { type FenceRow, lockFence } from '../fence/fence-sql.ts';
import type { TriggerRequest } from '../fence/apply-trigger.ts';
import { applyToStep } from './apply-to-step.ts';
import type { Trigger } from '../declare/triggers.ts';
import { bringForward } from '../effects/work/bring-forward-sql.ts';
import { requestUndo, requestOperator, scheduleUndo } from './request-work.ts';
import { factOf, keyOf, type Member, requestOf } from './member.ts';
import { factId, formatSagaRef } from './saga-ref.ts';
import { STUCK } from './effect-hooks.ts';
import { markStuck } from './mark-stuck.ts';
import { supersedeBegin } from './supersede-begin.ts';
import type { StepTools } from './tools.ts';
import type { UndoCause } from './undo-cause.ts';
import { type Begun, noopEvent, passedOn, undoneEvent, undoOf } from './undo-events.ts';

/**
 * Applies an undo trigger to a step. The fence's decision is carried out in the same transaction: a local step is
 * undone, an external step's undo is requested; a step without effect reports that, and one that has not begun never
 * begins.
 */
export async function undo<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  tools: StepTools<DB>,
): Promise<void> {
  const transition = await applyToStep(member, tools.tx, undoing(member, instance, cause, 'undo'));
  switch (transition.act) {
    case 'undo':
      return undoNow(member, instance, cause, transition.row, tools);
    case 'emit_undone':
      if (transition.from === 'absent') await supersedeBegin(member, instance, tools);
      return emitNoop(member, instance, cause, transition.row, tools);
    case 'wait':
      if (transition.from === 'forgotten') return forgotten(member, instance, cause, tools);
      // The outcome decides: the worker looks the outcome up now.
      return bringForward(tools.tx, keyOf(member, instance));
    default:
      return;
  }
}

/** Asks an operator about a step whose data is gone: nothing is reported as undone before. */
async function forgotten<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  { tx, emit, log }: StepTools<DB>,
): Promise<void> {
  const { saga, name } = member.step;
  const text = STUCK.record_swept;
  await markStuck(tx, undoing(member, instance, cause, 'stuck'), { code: 'record_swept', text }, emit);
  await requestOperator(member, instance, cause, tx);
  log.error({ alarm: 'step_stuck', saga, instance, step: name, code: 'record_swept' }, text);
}

const NOTHING_LEFT: readonly FenceState[] = ['rejected', 'failed_not_applied', 'tombstoned', 'undone'];

/**
 * Returns whether the event is a reason to undo now. A group may follow the step: then every member must have failed
 * without effect or be undone, so that nothing is undone under a standing effect. A step without effect ignores the
 * undo of a sibling, since it has reported that before.
 */
export async function isDue<DB>(
  { declaration, step }: Member<DB>,
  instance: string,
  { fact, of }: Pick<Trigger, 'fact' | 'of'>,
  eventId: string,
  tx: Transaction<DB>,
): Promise<boolean> {
  const key = { saga: step.saga, instance, step: step.name };
  if (fact === 'undone' && of?.stage === step.stage) {
    const row = await lockFence(executorOf(tx), key);
    return row === undefined || !NOTHING_LEFT.includes(row.state);
  }
  const behind = declaration.stages[step.stage + 1]?.steps ?? [];
  if (behind.length < 2 || of?.stage !== step.stage + 1) return true;
  const join = { waitsFor: 'undo', awaits: behind.map(({ name }) => name) } as const;
  const gone = await joinMember(executorOf(tx), key, join, of.name, eventId);
  return behind.every(({ name }) => gone.has(name));
}

export function undoing<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  trigger: TriggerRequest['trigger'],
): TriggerRequest {
  const { event, reason, attemptId, actor, note } = cause;
  return {
    ...requestOf(member, instance, event, 'compensate', trigger),
    causeTime: new Date(event.time),
    causeAttempt: attemptId,
    reason,
    actor,
    note,
    undo: JSON.stringify(cause),
  };
}

/** Undoes what took effect. `row`: of the fence, locked. */
export async function undoNow<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  row: Begun | undefined,
  tools: StepTools<DB>,
): Promise<void> {
  const { undoLocal, undoneExternal } = member.handlers;
  if (undoneExternal !== undefined) return requestUndo(member, instance, cause, row, tools);
  if (undoLocal === undefined)
    return emitUndone(member, instance, cause, noopEvent(member, instance, cause, row), tools);
  const { emit, ...context } = tools;
  const undo = undoOf(member, instance, cause, row);
  const made = await undoLocal(undo, { ...context, emit: (event) => emit(event) });
  await emitUndone(member, instance, cause, undoneEvent(member, instance, cause, made), tools);
}

/**
 * The undo has been done: the fence and the undone event say so. Only here, and only of a fence that waits for it. `row`: of
 * the fence, if it is locked and was not moved.
 */
export async function emitUndone<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  made: DomainEvent,
  tools: StepTools<DB>,
  row?: FenceRow,
): Promise<void> {
  if (made.type !== STEP_UNDONE_TYPE) factOf(member, made, true);
  const { ended } = tools;
  const request = { ...undoing(member, instance, cause, 'undone'), outcome: made.type, ended };
  const transition = await applyToStep(member, tools.tx, request, row);
  if (transition.emits !== undefined) tools.emit(made, undoneHeaders(member, instance, cause));
}

/** Accepts the effect for an operator: it stays, and the previous step learns that nothing more is undone. */
export async function acceptEffect<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  tools: StepTools<DB>,
): Promise<void> {
  await emitUndone(member, instance, cause, passedOn(member, instance, cause, 'stays'), tools);
}

/**
 * Emits that nothing is to be undone, for the previous step. A `noop` that throws must not hold up what its transaction
 * decided: the worker retries it, and shows it as stuck.
 */
export async function emitNoop<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  row: Begun | undefined,
  { emit, log, tx, ended }: StepTools<DB>,
): Promise<void> {
  try {
    emit(noopEvent(member, instance, cause, row), undoneHeaders(member, instance, cause));
  } catch (error) {
    // An undo that ends here is not asked for again: its outcome is recorded later.
    if (ended?.op === 'compensate' || !(await scheduleUndo(member, instance, cause, tx, NOOP_PAUSE_MS)))
      throw error;
    const { saga, name: step } = member.step;
    log.warn({ saga, instance, step, reason: String(error) }, 'a noop failed: the worker retries it');
  }
}

/** The pause before a worker retries a failed `noop`, in milliseconds. */
const NOOP_PAUSE_MS = 1_000;

function undoneHeaders<DB>(member: Member<DB>, instance: string, { attemptId, attemptTrace }: UndoCause) {
  const key = keyOf(member, instance);
  return {
    id: factId(key, 'undone'),
    saga: formatSagaRef(key),
    ...(attemptId === undefined ? {} : { attemptId }),
    ...(attemptTrace === undefined ? {} : { attemptTrace }),
  };
}
