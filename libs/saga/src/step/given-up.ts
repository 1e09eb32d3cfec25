import type { ReceivedEvent } from '@convergekit/contracts';
import type { GiveUpDecision, GiveUp, GiveUpContext } from '@convergekit/inbox/engine';
import type { Failure } from '@convergekit/core';
import { stored } from '../calls/work/decide.ts';
import type { FenceTrigger } from '../fence/fence.ts';
import type { TriggerRequest } from '../fence/apply-trigger.ts';
import { applyToStep } from './apply-to-step.ts';
import { requestUndo, requestOutcome, scheduleUndo } from './calls/request-work.ts';
import { awaited, beginning } from './begin.ts';
import { keyOf, type Member, type StepRun } from './member.ts';
import { storeEvent } from './stored-event.ts';
import { type Emit, markStuck } from './calls/stuck.ts';
import { undoing } from './undo.ts';
import type { StepUndo, UndoCause } from './undo-events.ts';

const ORDINARY: GiveUpDecision = { kind: 'ordinary' };
const RESOLVED: GiveUpDecision = { kind: 'resolved' };

/** The pause before a worker retries an undo that failed in its slice, in milliseconds. */
const UNDO_PAUSE_MS = 1_000;

/**
 * Records at the fence that the event that begins a step is given up. This happens in the transaction of the failure
 * event, so that no later retry, replay or redelivery takes effect. An event whose failure may pass only waits, as
 * every event.
 */
export async function applyGivenUp<DB>(
  { member, instance }: StepRun<DB>,
  event: ReceivedEvent,
  { as, failure: given }: GiveUp,
  { tx, emit, log, failureEventId, attemptId }: GiveUpContext<DB>,
): Promise<GiveUpDecision> {
  if (as === 'park') return ORDINARY;
  const { step } = member;
  const run = { member, instance };
  const failure = stored(given);
  const emitAs: Emit = (made, of) => emit(made, event, of);
  const trigger = failedAs(member, failure);
  // The rollback of the slice also removed its notes of the group.
  const events = (await awaited(run, event, tx)) ?? [storeEvent(event)];
  const reason = { code: failure.code, text: failure.message };
  const request: TriggerRequest = {
    ...beginning({ ...run, event, stored: events }, trigger),
    causeAttempt: attemptId,
    reason,
    outcome: failure.code,
    failureId: failureEventId,
  };
  const transition = await (trigger === 'stuck'
    ? markStuck(tx, request, reason, emitAs)
    : applyToStep(member, tx, request));
  // A tombstone came first, or the step has ended: no event is emitted.
  if (transition.act === 'noop_already') return transition.state === 'stuck' ? ORDINARY : RESOLVED;
  if (transition.act === 'undo' && transition.row?.undo != null)
    await scheduleUndo({ ...run, cause: JSON.parse(transition.row.undo) as UndoCause }, tx, UNDO_PAUSE_MS);
  // The outcome is unknown, and no query can resolve it.
  if (trigger === 'unknown' && !(await requestOutcome(run, events, failureEventId, tx)))
    await markStuck(tx, request, reason, emitAs);
  if (transition.state === 'undo_pending') return RESOLVED;
  if (step.kind === 'retriable') {
    const of = { saga: step.saga, instance, step: step.name };
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
      // A pivot that took effect has succeeded: its success event is queried for.
      return kind === 'pivot' ? 'unknown' : 'applied_in_failure';
    case 'unknown':
      return 'unknown';
  }
}

/** Turns a failed compensation, which is never given up, into work of the saga worker. */
export async function undoGivenUp<DB>(
  of: StepUndo<DB>,
  { tx, log }: Pick<GiveUpContext<DB>, 'tx' | 'log'>,
): Promise<void> {
  const { act, row } = await applyToStep(of.member, tx, undoing(of, 'undo'));
  if (act !== 'undo' && act !== 'emit_undone') return;
  if (act === 'undo' && of.member.handlers.undone !== undefined) await requestUndo(of, row, tx);
  else await scheduleUndo(of, tx, UNDO_PAUSE_MS);
  const { saga, instance, step } = keyOf(of);
  log.warn({ saga, instance, step }, 'a compensation failed: the worker retries it');
}
