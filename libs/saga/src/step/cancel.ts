import type { ReceivedEvent } from '@convergekit/contracts';
import { executorOf } from '@convergekit/postgres';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Transaction } from 'kysely';
import { SagaError } from '../errors.ts';
import type { Transition } from '../fence/apply-trigger.ts';
import { FENCE_STATES, isDecided } from '../fence/fence.ts';
import type { FenceRow } from '../fence/fence-sql.ts';
import { lockStart, noteAndLockStart, type SagaStart, startsOf } from '../fence/start-sql.ts';
import type { CallContext } from '@convergekit/inbox/engine';
import { insertWork, type StepWork } from '../effects/work/insert-sql.ts';
import type { StoredFailure } from '../effects/work/work.ts';
import { timerOf } from './request-work.ts';
import { gatherStart } from './slice-writes.ts';
import { failureOf } from './failure-of.ts';
import { applyToStep } from './apply-to-step.ts';
import { keyOf, type Member, requestOf } from './member.ts';
import { type StoredEvent, storeEvent } from './stored-event.ts';
import { formatSagaRef } from './saga-ref.ts';
import type { StepTools } from './tools.ts';
import { supersedeBegin } from './supersede-begin.ts';
import type { UndoCause } from './undo-cause.ts';

/** The reason of a cancellation: the cancel event, or the deadline. */
export type CancelReason = 'cancel' | 'deadline';

/** The pause between two checks of a pivot of unknown outcome, in milliseconds. */
const LOOK_AGAIN_MS = 500;

/**
 * Closes the step that decides cancellations: an earlier step failed or was undone. The saga is on its way back, or has
 * ended, so a deadline or a cancellation that comes later must publish nothing.
 */
export async function closeStep<DB>(
  member: Member<DB>,
  instance: string,
  { event, reason, attemptId }: UndoCause,
  { tx }: Pick<StepTools<DB>, 'tx'>,
): Promise<void> {
  await lockStart(executorOf(tx), keyOf(member, instance));
  await applyToStep(member, tx, {
    ...requestOf(member, instance, event, 'compensate', 'close'),
    causeAttempt: attemptId,
    reason,
  });
}

/**
 * Handles the start of a saga in a slice, at the step that may cancel it. The starts of a slice are written together. Where
 * steps are found reached, each start is written by itself: an error then says what is missing.
 */
export async function startInSlice<DB>(
  member: Member<DB>,
  event: ReceivedEvent,
  { tx, gathered }: Pick<CallContext<DB>, 'tx' | 'gathered'>,
): Promise<void> {
  const { deadlineMs } = member.declaration;
  const start = startOf(member, event);
  const timer = deadlineMs === undefined ? undefined : deadlineOf(member, event, deadlineMs);
  if (!member.order.asksFirst && gatherStart(gathered, member, start, timer)) return;
  await gathered.send();
  await scheduleDeadline(member, event, tx);
}

function startOf<DB>(member: Member<DB>, event: ReceivedEvent): SagaStart {
  const { cancel, deadlineMs } = member.declaration;
  return { ...keyOf(member, event.id), key: cancel && event.key, locks: deadlineMs !== undefined };
}

function deadlineOf<DB>(member: Member<DB>, event: ReceivedEvent, dueMs: number): StepWork {
  const when = { dueMs, unlessStepIs: DECIDED };
  return timerOf(member, 'deadline', keyOf(member, event.id), storeEvent(event), when);
}

/** Handles the start of a saga at the step that may cancel it: the deadline runs from here, by the database's clock. */
export async function scheduleDeadline<DB>(
  member: Member<DB>,
  event: ReceivedEvent,
  tx: Transaction<DB>,
): Promise<void> {
  const { deadlineMs } = member.declaration;
  // The start may be read after the event that decided the step, after the failure that ended the saga, or
  // concurrently.
  await noteAndLockStart(executorOf(tx), startOf(member, event));
  if (deadlineMs === undefined) return;
  await insertWork(tx, deadlineOf(member, event, deadlineMs));
}

const DECIDED = FENCE_STATES.filter(isDecided);

/**
 * Cancels runs: the run named in the header, or all that started under the key. A cancellation that comes before their
 * start waits for it. `versions`: the steps of one saga that decide it.
 */
export async function cancelRuns<DB>(
  versions: readonly Member<DB>[],
  instance: string,
  event: ReceivedEvent,
  tools: StepTools<DB>,
): Promise<void> {
  const [{ step } = { step: undefined }] = versions;
  if (step === undefined) return;
  const { saga, version } = step;
  const starts =
    instance === '' ? await startsOf(executorOf(tools.tx), saga, event.key) : [{ instance, version }];
  if (starts.length === 0)
    throw new SagaError(
      'SAGA_NOT_STARTED',
      `no saga ${saga} has started under the key of ${event.type} yet: it is retried when one may have`,
      { category: 'service' },
    );
  for (const start of starts)
    // The noted version may not be the running one: the deciding steps of the others are stopped as well.
    for (const member of versions.toSorted((a, b) => Number(isOf(b, start)) - Number(isOf(a, start)))) {
      const { act } = await cancelAt(member, start.instance, 'cancel', storeEvent(event), tools);
      if (act !== 'wait') continue;
      const key = keyOf(member, start.instance);
      const look = timerOf(member, 'cancel', key, storeEvent(event), { dueMs: LOOK_AGAIN_MS });
      await insertWork(tools.tx, look);
    }
}

function isOf<DB>({ step }: Member<DB>, { version }: { readonly version: number }): boolean {
  return step.version === version;
}

/**
 * Applies a cancellation to the step that decides it. A cancellation that wins means that the step never begins, and
 * its failure event has all previous steps undone. A failure event of the cancellation reports that it lost. The
 * cancellation waits while the outcome of the step is unknown. `row`: of the fence, if it is locked.
 */
export async function cancelAt<DB>(
  member: Member<DB>,
  instance: string,
  why: CancelReason,
  event: StoredEvent,
  tools: StepTools<DB>,
  row?: FenceRow,
): Promise<Transition> {
  const reason = reasons[why];
  const request = { ...requestOf(member, instance, event, why, 'cancel'), reason, ended: tools.ended };
  const transition = await applyToStep(member, tools.tx, request, row);
  const emitFailure = (op: 'apply' | 'cancel', failure: StoredFailure, id: string): void =>
    tools.emit(failureOf(member, instance, { events: [event], failure, op }), {
      id,
      saga: formatSagaRef(request),
    });
  if (transition.act === 'emit_failure' && transition.emits !== undefined) {
    await supersedeBegin(member, instance, tools);
    emitFailure('apply', refusal(reason.code, reason.text), transition.emits);
  }
  if (transition.act === 'cancel_refused' && why === 'cancel') {
    const text = `step ${member.step.name} has taken effect: there is no way back`;
    emitFailure(
      'cancel',
      refusal('CANCEL_REFUSED', text),
      deterministicUuid('saga', 'cancel', instance, event.id),
    );
  }
  return transition;
}

const reasons = {
  cancel: { code: 'CANCELLED', text: 'the saga was cancelled' },
  deadline: { code: 'DEADLINE', text: 'the time of the saga is over' },
} as const;

function refusal(code: string, message: string): StoredFailure {
  return { category: 'business', certainty: 'not_applied', code, message };
}
