import type { StandardSchema } from '@convergekit/contracts/engine';
import { defineCall } from '../../calls/declare/define-call.ts';
import type { WorkerCall, OutcomeContext } from '../../calls/work/worker-call.ts';
import type { Transaction } from 'kysely';
import { SagaError } from '../../errors.ts';
import { applyToStep } from '../apply-to-step.ts';
import { bringForward } from '../../calls/work/bring-forward-sql.ts';
import type { WorkOp } from '../../calls/work/step-key.ts';
import type { StepInput } from './request-work.ts';
import { type CancelReason, cancelAt } from '../cancel.ts';
import { callName, keyOf, type Member } from '../member.ts';
import { lockedFence, toolsOf } from '../tools.ts';
import { undoing } from '../undo.ts';

/** The kinds of work that call nothing: an expired time, and a cancellation that awaits the pivot's outcome. */
export type TimerOp = Extract<WorkOp, 'cancel' | 'deadline' | 'expire'>;

/** The call of a timer, which calls nothing: recording its outcome does all the work. */
export function timerCall<DB>(
  member: Member<DB>,
  op: TimerOp,
  stored: { readonly input: StandardSchema<StepInput>; readonly result: StandardSchema<null> },
): WorkerCall<DB> {
  const timer = defineCall(callName(member.step, op), {
    ...stored,
    idempotency: 'idempotent',
    call: () => Promise.resolve(null),
  }).onOutcome<DB>({
    succeeded: (_, context) => (op === 'expire' ? expired(member, context) : decided(member, op, context)),
    failed: () => undefined,
  });
  return Object.freeze({
    ...timer,
    endless: true,
    revive: (kept: { readonly input: string; readonly idempotencyKey: string }) => {
      const { instance } = JSON.parse(kept.input) as StepInput;
      // What the timer waits for is queried now. Its own transaction is rolled back.
      const undecided = (tx: Transaction<DB>) => bringForward(tx, keyOf({ member, instance }));
      return { ...timer.revive(kept), undecided };
    },
  });
}

async function decided<DB>(
  member: Member<DB>,
  why: CancelReason,
  context: OutcomeContext<DB, StepInput>,
): Promise<void> {
  const { instance, events: [event] = [] } = context.input;
  if (event === undefined) return;
  const run = { member, instance };
  const { act } = await cancelAt(run, why, event, toolsOf(context), lockedFence(context));
  if (act === 'wait') throw undecided(member);
}

/** Handles the end of the step's own time: the first of this and the step's outcome at the fence wins. */
async function expired<DB>(member: Member<DB>, context: OutcomeContext<DB, StepInput>): Promise<void> {
  const { instance, events: [event] = [] } = context.input;
  if (event === undefined) return;
  const reason = { code: 'DEADLINE', text: `${member.step.name} has not ended in its time` };
  const of = { member, instance, cause: { event, reason, attemptId: undefined } };
  const request = { ...undoing(of, 'deadline'), op: 'deadline', ended: context.ended } as const;
  const { act } = await applyToStep(member, context.tx, request, lockedFence(context));
  if (act === 'wait') await bringForward(context.tx, keyOf(of));
}

/** Comes again: see `close` of the worker. */
function undecided<DB>({ step }: Member<DB>): SagaError {
  return new SagaError(
    'SAGA_UNDECIDED',
    `the outcome of step ${step.name} is not known yet: it is looked at again`,
    { category: 'contention' },
  );
}
