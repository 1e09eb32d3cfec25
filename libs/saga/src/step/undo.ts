import type { DomainEvent } from '@convergekit/contracts';
import { KIT_TYPES } from '@convergekit/contracts/engine';
import { executorOf } from '@convergekit/postgres';
import type { Transaction } from 'kysely';
import { joinMember } from '../fence/join-sql.ts';
import type { FenceState } from '../fence/fence.ts';
import { type FenceRow, lockFence } from '../fence/fence-sql.ts';
import type { TriggerRequest } from '../fence/apply-trigger.ts';
import { applyToStep } from './apply-to-step.ts';
import { bringForward } from '../calls/work/bring-forward-sql.ts';
import { requestUndo, requestOperator, scheduleUndo } from './calls/request-work.ts';
import { factOf, keyOf, requestOf, type StepRun } from './member.ts';
import type { Reaction } from './reaction.ts';
import { factId, formatSagaRef } from './saga-ref.ts';
import { STUCK, markStuck } from './calls/stuck.ts';
import type { StepTools } from './tools.ts';
import { type StepUndo, type Begun, noopEvent, passedOn, undoneEvent, undoOf } from './undo-events.ts';
import { supersedeParked } from '@convergekit/inbox/engine';

/**
 * Applies an undo trigger to a step. The fence's decision is carried out in the same transaction: a local step is
 * undone, the undo of a call is requested; a step without effect reports that, and one that has not begun never begins.
 */
export async function undo<DB>(of: StepUndo<DB>, tools: StepTools<DB>): Promise<void> {
  const transition = await applyToStep(of.member, tools.tx, undoing(of, 'undo'));
  switch (transition.act) {
    case 'undo':
      return isBare(of, transition.row) ? forgotten(of, tools) : undoNow(of, transition.row, tools);
    case 'emit_undone':
      if (transition.from === 'absent') await supersedeBegin(of, tools.tx);
      return emitNoop(of, transition.row, tools);
    case 'wait':
      if (transition.from === 'forgotten') return forgotten(of, tools);
      // The outcome decides: the worker looks the outcome up now.
      return bringForward(tools.tx, keyOf(of));
    default:
      return;
  }
}

/** Returns whether the row of a step that is to be undone has its state alone: retention or an erasure emptied it. */
function isBare<DB>({ member: { handlers } }: StepUndo<DB>, row: Begun | undefined): boolean {
  return row?.intent == null && (handlers.compensate ?? handlers.undone) !== undefined;
}

/** Asks an operator about a step whose data is gone: nothing is reported as undone before. */
async function forgotten<DB>(of: StepUndo<DB>, { tx, emit, log }: StepTools<DB>): Promise<void> {
  const { saga, instance, step } = keyOf(of);
  const reason = { code: 'record_swept', text: STUCK.record_swept } as const;
  await markStuck(tx, undoing(of, 'stuck'), reason, emit);
  await requestOperator(of, tx);
  log.error({ alarm: 'step_stuck', saga, instance, step, code: reason.code }, reason.text);
}

const NOTHING_LEFT: readonly FenceState[] = ['rejected', 'failed_not_applied', 'tombstoned', 'undone'];

/**
 * Returns whether the event is a reason to undo now. A group may follow the step: then every member must have failed
 * without effect or be undone, so that nothing is undone under a standing effect. A step without effect ignores the
 * undo of a sibling, since it has reported that before.
 */
export async function isDue<DB>(
  run: Pick<Reaction<DB>, 'member' | 'trigger'> & { readonly instance: string },
  eventId: string,
  tx: Transaction<DB>,
): Promise<boolean> {
  const {
    member: { declaration, step },
    trigger: { fact, of },
  } = run;
  if (fact === 'undone' && of?.stage === step.stage) {
    const row = await lockFence(executorOf(tx), keyOf(run));
    return row === undefined || !NOTHING_LEFT.includes(row.state);
  }
  const behind = declaration.stages[step.stage + 1]?.steps ?? [];
  if (behind.length < 2 || of?.stage !== step.stage + 1) return true;
  const join = { waitsFor: 'undo', awaits: behind.map(({ name }) => name) } as const;
  const gone = await joinMember(executorOf(tx), keyOf(run), join, of.name, eventId);
  return behind.every(({ name }) => gone.has(name));
}

export function undoing<DB>(of: StepUndo<DB>, trigger: TriggerRequest['trigger']): TriggerRequest {
  const { event, reason, attemptId, actor, note } = of.cause;
  return {
    ...requestOf(of, event, 'compensate', trigger),
    causeTime: new Date(event.time),
    causeAttempt: attemptId,
    reason,
    actor,
    note,
    undo: JSON.stringify(of.cause),
  };
}

/** Undoes what took effect. `row`: of the fence, locked. */
export async function undoNow<DB>(
  of: StepUndo<DB>,
  row: Begun | undefined,
  tools: StepTools<DB>,
): Promise<void> {
  const { compensate, undone } = of.member.handlers;
  if (undone !== undefined) return requestUndo(of, row, tools.tx);
  if (compensate === undefined) return emitUndone(of, noopEvent(of, row), tools);
  const { emit, ...context } = tools;
  const made = await compensate(undoOf(of, row), { ...context, emit: (event) => emit(event) });
  await emitUndone(of, undoneEvent(of, made), tools);
}

/** Records that the undo has been done, at a fence that waits for it. `row`: the fence, locked and not moved. */
export async function emitUndone<DB>(
  of: StepUndo<DB>,
  made: DomainEvent,
  { tx, emit, ended }: StepTools<DB>,
  row?: FenceRow,
): Promise<void> {
  if (made.type !== KIT_TYPES.stepUndone) factOf(of.member, made, true);
  const request = { ...undoing(of, 'undone'), outcome: made.type, ended };
  const transition = await applyToStep(of.member, tx, request, row);
  if (transition.emits !== undefined) emit(made, undoneHeaders(of));
}

/** Accepts the effect for an operator: it stays, and the previous step learns that nothing more is undone. */
export function acceptEffect<DB>(of: StepUndo<DB>, tools: StepTools<DB>): Promise<void> {
  return emitUndone(of, passedOn(of, 'stays'), tools);
}

/** Emits that nothing is to be undone. A `noop` that throws is left to the worker: the transaction must commit. */
export async function emitNoop<DB>(
  of: StepUndo<DB>,
  row: Begun | undefined,
  { emit, log, tx, ended }: StepTools<DB>,
): Promise<void> {
  try {
    emit(noopEvent(of, row), undoneHeaders(of));
  } catch (error) {
    // An undo that ends here is not asked for again: its outcome is recorded later.
    if (ended?.op === 'compensate' || !(await scheduleUndo(of, tx, NOOP_PAUSE_MS))) throw error;
    const { saga, instance, step } = keyOf(of);
    log.warn({ saga, instance, step, reason: String(error) }, 'a noop failed: the worker retries it');
  }
}

/** The pause before a worker retries a failed `noop`, in milliseconds. */
const NOOP_PAUSE_MS = 1_000;

function undoneHeaders<DB>(of: StepUndo<DB>) {
  const { attemptId, attemptTrace } = of.cause;
  const key = keyOf(of);
  return {
    id: factId(key, 'undone'),
    saga: formatSagaRef(key),
    ...(attemptId === undefined ? {} : { attemptId }),
    ...(attemptTrace === undefined ? {} : { attemptTrace }),
  };
}

/** Supersedes the parked event that would have begun the step: its key must not wait. */
export async function supersedeBegin<DB>(
  { member: { declaration, step }, instance }: StepRun<DB>,
  tx: Transaction<DB>,
): Promise<void> {
  const before = declaration.stages[step.stage - 1]?.steps;
  const ids =
    before === undefined
      ? [instance]
      : before.map(({ name, saga }) => factId({ saga, instance, step: name }, 'success'));
  const why = `step ${step.name} of ${step.saga} was undone before it began`;
  for (const eventId of ids) await supersedeParked(executorOf(tx), { consumer: step.by, eventId }, why);
}
