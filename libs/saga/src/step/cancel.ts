import type { ReceivedEvent } from '@convergekit/contracts';
import { executorOf } from '@convergekit/postgres';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Transaction } from 'kysely';
import { SagaError } from '../errors.ts';
import type { Transition } from '../fence/apply-trigger.ts';
import type { FenceRow } from '../fence/fence-sql.ts';
import { lockStart, noteAndLockStart, type SagaStart, startsOf } from '../fence/start-sql.ts';
import type { CallContext } from '@convergekit/inbox/engine';
import { insertWork } from '../calls/work/insert-sql.ts';
import { timerOf } from './calls/request-work.ts';
import { gatherStart } from './slice-writes.ts';
import { failureOf } from './failure-of.ts';
import { applyToStep } from './apply-to-step.ts';
import { keyOf, type Member, requestOf, type StepRun } from './member.ts';
import { type StoredEvent, storeEvent } from './stored-event.ts';
import { formatSagaRef } from './saga-ref.ts';
import type { StepTools } from './tools.ts';
import { supersedeBegin } from './undo.ts';
import type { StepUndo } from './undo-events.ts';

/** The reason of a cancellation: the cancel event, or the deadline. */
export type CancelReason = 'cancel' | 'deadline';

/** The pause between two checks of a pivot of unknown outcome, in milliseconds. */
const LOOK_AGAIN_MS = 500;

/**
 * Closes the step that decides cancellations: an earlier step failed or was undone. The saga is on its way back, or has
 * ended, so a deadline or a cancellation that comes later must publish nothing.
 */
export async function closeStep<DB>(of: StepUndo<DB>, tx: Transaction<DB>): Promise<void> {
  const { event, reason, attemptId } = of.cause;
  await lockStart(executorOf(tx), keyOf(of));
  const request = requestOf(of, event, 'compensate', 'close');
  await applyToStep(of.member, tx, { ...request, causeAttempt: attemptId, reason });
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
  const { start, timer } = startOf(member, event);
  if (!member.order.asksFirst && gatherStart(gathered, member, start, timer)) return;
  await gathered.send();
  await scheduleDeadline(member, event, tx);
}

/** Returns the start of a saga, and the timer of its deadline, if it has one. */
function startOf<DB>(member: Member<DB>, event: ReceivedEvent) {
  const { cancel, deadlineMs } = member.declaration;
  const run = { member, instance: event.id };
  const start: SagaStart = { ...keyOf(run), key: cancel && event.key, locks: deadlineMs !== undefined };
  if (deadlineMs === undefined) return { start };
  return { start, timer: timerOf(run, 'deadline', storeEvent(event), deadlineMs) };
}

/** Handles the start of a saga at the step that may cancel it: the deadline runs from here, by the database's clock. */
export async function scheduleDeadline<DB>(
  member: Member<DB>,
  event: ReceivedEvent,
  tx: Transaction<DB>,
): Promise<void> {
  const { start, timer } = startOf(member, event);
  // The start may be read after the event that decided the step, after the failure that ended the saga, or
  // concurrently.
  await noteAndLockStart(executorOf(tx), start);
  if (timer !== undefined) await insertWork(tx, timer);
}

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
      const run = { member, instance: start.instance };
      const { act } = await cancelAt(run, 'cancel', storeEvent(event), tools);
      if (act !== 'wait') continue;
      await insertWork(tools.tx, timerOf(run, 'cancel', storeEvent(event), LOOK_AGAIN_MS));
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
  run: StepRun<DB>,
  why: CancelReason,
  event: StoredEvent,
  tools: StepTools<DB>,
  row?: FenceRow,
): Promise<Transition> {
  const reason = reasons[why];
  const request = { ...requestOf(run, event, why, 'cancel'), reason, ended: tools.ended };
  const transition = await applyToStep(run.member, tools.tx, request, row);
  const saga = formatSagaRef(request);
  const emitFailure = (op: 'apply' | 'cancel', code: string, message: string, id: string): void => {
    const failure = { category: 'business', certainty: 'not_applied', code, message } as const;
    tools.emit(failureOf(run, { events: [event], failure, op }), { id, saga });
  };
  if (transition.act === 'emit_failure' && transition.emits !== undefined) {
    await supersedeBegin(run, tools.tx);
    emitFailure('apply', reason.code, reason.text, transition.emits);
  }
  if (transition.act === 'cancel_refused' && why === 'cancel') {
    const text = `step ${request.step} has taken effect: there is no way back`;
    const id = deterministicUuid('saga', 'cancel', run.instance, event.id);
    emitFailure('cancel', 'CANCEL_REFUSED', text, id);
  }
  return transition;
}

const reasons = {
  cancel: { code: 'CANCELLED', text: 'the saga was cancelled' },
  deadline: { code: 'DEADLINE', text: 'the time of the saga is over' },
} as const;
