import type { ReceivedEvent } from '@convergekit/contracts';
import type { GiveUpDecision, GiveUp, GiveUpContext } from '@convergekit/inbox/engine';
import type { Failure } from '@convergekit/core';
import type { FenceTrigger } from '../fence/fence.ts';
import type { Meeting } from '../fence/meet-fence.ts';
import { meetStep } from './meet-step.ts';
import { askForUndo, askWhatBecame, keepUndo } from './ask-for-call.ts';
import { awaited, beginning } from './begin.ts';
import type { Member } from './member.ts';
import { storeEvent } from './stored-event.ts';
import { type Emit, tellStuck } from './tell-stuck.ts';
import { undoing } from './undo.ts';
import type { UndoCause } from './undo-cause.ts';

const ORDINARY: GiveUpDecision = { kind: 'ordinary' };
const RESOLVED: GiveUpDecision = { kind: 'resolved' };

/** Before a worker tries an undo again that failed in its slice, milliseconds. */
const UNDO_PAUSE_MS = 1_000;

/**
 * The event that begins a step is given up: the fence says so in the transaction that emits the failure event, so that no
 * later retry, replay or redelivery takes effect. While it may heal it only waits, as every event.
 */
export async function applyGivenUp<DB>(
  member: Member<DB>,
  instance: string,
  event: ReceivedEvent,
  { as, failure }: GiveUp,
  { tx, emit, log, failureEventId, attemptId }: GiveUpContext<DB>,
): Promise<GiveUpDecision> {
  if (as === 'park') return ORDINARY;
  const { step } = member;
  const tell: Emit = (made, of) => emit(made, event, of);
  const trigger = failedAs(member, failure);
  // What the slice had noted of the group before it was rolled back with it.
  const events = (await awaited(member, instance, event, { tx })) ?? [storeEvent(event)];
  const reason = { code: failure.code, text: failure.message };
  const meeting: Meeting = {
    ...beginning(member, instance, event, events, trigger),
    causeAttempt: attemptId,
    reason,
    outcome: failure.code,
    failureId: failureEventId,
  };
  const met = await (trigger === 'stuck'
    ? tellStuck(tx, meeting, reason, tell)
    : meetStep(member, tx, meeting));
  // A tombstone came first, or the step has ended: nobody is to hear of this.
  if (met.act === 'noop_already') return met.state === 'stuck' ? ORDINARY : RESOLVED;
  if (met.act === 'undo' && met.row?.undo != null)
    await keepUndo(member, instance, JSON.parse(met.row.undo) as UndoCause, tx, UNDO_PAUSE_MS);
  // Nobody knows, and nobody can be asked.
  if (trigger === 'unknown' && !(await askWhatBecame(member, instance, events, failureEventId, tx)))
    await tellStuck(tx, meeting, reason, tell);
  if (met.state === 'undo_pending') return RESOLVED;
  const of = { saga: step.saga, instance, step: step.name };
  if (step.kind === 'retriable') {
    log.error({ alarm: 'step_stuck', ...of, code: failure.code }, 'a step behind the pivot was given up');
    return ORDINARY;
  }
  return { kind: 'closed', because: `its saga goes on without it: step ${step.name} ${failure.certainty}` };
}

/** Pure: what a failure says to the fence. */
export function failedAs<DB>(
  { step: { kind } }: Pick<Member<DB>, 'step'>,
  { certainty }: Pick<Failure, 'certainty'>,
): Extract<FenceTrigger, 'stuck' | 'not_applied' | 'applied_in_failure' | 'unknown'> {
  if (kind === 'retriable') return 'stuck';
  switch (certainty) {
    case 'not_applied':
      return 'not_applied';
    case 'applied':
      // A pivot that took effect has succeeded: what it has to tell is asked for.
      return kind === 'pivot' ? 'unknown' : 'applied_in_failure';
    case 'unknown':
      return 'unknown';
  }
}

/** A compensation is never given up: it becomes work of the saga worker, in the place of its event. */
export async function undoGivenUp<DB>(
  member: Member<DB>,
  instance: string,
  cause: UndoCause,
  { tx, log }: Pick<GiveUpContext<DB>, 'tx' | 'log'>,
): Promise<GiveUpDecision> {
  const { step } = member;
  const met = await meetStep(member, tx, undoing(member, instance, cause, 'undo'));
  if (met.act === 'undo' || met.act === 'emit_undone') {
    if (met.act === 'undo' && member.handlers.undoneExternal !== undefined)
      await askForUndo(member, instance, cause, met.row, { tx });
    else await keepUndo(member, instance, cause, tx, UNDO_PAUSE_MS);
    log.warn(
      { saga: step.saga, instance, step: step.name },
      'a compensation failed: the worker tries it again',
    );
  }
  return RESOLVED;
}
