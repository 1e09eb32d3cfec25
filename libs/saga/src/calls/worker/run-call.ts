import { type Clock, ConvergeError, type Failure, type Random } from '@convergekit/core';
import { failpoint } from '@convergekit/core/engine';
import { type AttemptReport, bound } from '@convergekit/resilience/engine';
import { classify, type OperationGuards, type SharedGuards } from '@convergekit/resilience';
import type { CallHandle, WorkerCall } from '../work/worker-call.ts';
import { type Answer, stored } from '../work/decide.ts';
import type { Op, WorkAttempt } from '../work/work.ts';

export interface RunContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Policies, breakers and budgets of this process. */
  readonly shared: SharedGuards;
  /** Cuts off what is in flight when the worker must stop. */
  readonly signal: AbortSignal;
  /** The end of the run by this process's monotonic clock. */
  readonly endsAt: number;
  /** Returns the end of the lease by the monotonic clock: nothing may be sent later. @default the end of the run */
  readonly leaseEndsAt?: () => number;
  /** Waits until an attempt may be made, within the given time in milliseconds. @default at once */
  readonly admit?: ((withinMs: number) => Promise<void>) | undefined;
}

export interface CallRun {
  readonly answer: Answer;
  readonly attempts: readonly WorkAttempt[];
  /** The number of calls that were really sent. */
  readonly sent: number;
}

/** The maximum of a run in milliseconds, for the lease: after it a call of an unbounded policy is taken up again. */
const MAX_RUN_MS = 600_000;

/** Returns the longest time of a run of a call, in milliseconds. */
export function longestRunMs(
  { policyIn }: Pick<WorkerCall<never>, 'policyIn'>,
  shared: Pick<SharedGuards, 'for'>,
): number {
  return Math.min(bound(policyIn(shared).deadlineMs), MAX_RUN_MS);
}

/** Makes the call, or queries it, under the operation's policy. Never rejects: an error is an answer. */
export async function runCall(
  op: Exclude<Op, 'settle'>,
  revived: CallHandle,
  idempotency: WorkerCall<never>['idempotency'],
  asking: RunContext,
): Promise<CallRun> {
  const { clock, random, shared, endsAt, admit } = asking;
  const attempts: WorkAttempt[] = [];
  const { permit, signal, sent } = permits(asking);
  const onAttempt = (report: AttemptReport): void => {
    attempts.push(attemptOf(op, report, clock));
  };
  const deadline = new Date(clock.now() + Math.max(1, endsAt - clock.monotonic()));
  const guards: OperationGuards = { clock, random, shared, onAttempt, signal, deadline, admit };
  try {
    const answer = await answered(op, revived, guards, permit);
    return { answer, attempts, sent: sent() };
  } catch (error) {
    // An attempt that this process's stop cut off is not reported; one that was never sent did nothing.
    const inFlight = sent() > attempts.filter(wasSent).length;
    const failure = signal.aborted && !inFlight ? notSent(error) : classify(error);
    if (attempts.at(-1)?.failure?.code !== failure.code)
      attempts.push(attemptOf(op, { attempt: sent(), durationMs: 0, failure }, clock));
    return { answer: failedAs(op, failure, attempts, idempotency, sent()), attempts, sent: sent() };
  }
}

function permits({ clock, endsAt, leaseEndsAt = () => endsAt, signal }: RunContext) {
  const over = new AbortController();
  let sent = 0;
  return {
    signal: AbortSignal.any([signal, over.signal]),
    sent: () => sent,
    // A frozen process wakes up here: a call sent now would be a second one beside the new holder's.
    permit: () => {
      if (clock.monotonic() >= Math.min(endsAt, leaseEndsAt())) {
        over.abort(leaseOver());
        throw leaseOver();
      }
      sent += 1;
      failpoint('saga.in_call');
    },
  };
}

async function answered(
  op: Exclude<Op, 'settle'>,
  revived: CallHandle,
  guards: OperationGuards,
  permit: () => void,
): Promise<Answer> {
  if (op === 'call') {
    const result = await revived.call(guards, permit);
    failpoint('saga.after_call');
    return { kind: 'applied', result };
  }
  const found = await revived.query(guards, permit);
  switch (found.kind) {
    case 'applied':
    case 'not_found':
      return found;
    case 'rejected': {
      const { reason: message, code = 'REJECTED' } = found;
      const failure = { category: 'business', certainty: 'not_applied', code, message } as const;
      return { kind: 'rejected', failure: stored(failure) };
    }
  }
}

/** Combines the failures: one unknown outcome makes all unknown, unless the other side honours the key and refused. */
function failedAs(
  op: Op,
  failure: Failure,
  attempts: readonly WorkAttempt[],
  idempotency: WorkerCall<never>['idempotency'],
  sent: number,
): Answer {
  const open = attempts.some((one) => one.failure?.certainty === 'unknown');
  const certain = failure.certainty === 'not_applied' && (!open || idempotency === 'keyed');
  if (op === 'call' && failure.category === 'business' && certain)
    return { kind: 'rejected', failure: stored(failure) };
  return { kind: 'failed', failure: open ? { ...failure, certainty: 'unknown' } : failure, made: sent > 0 };
}

function attemptOf(op: Op, { durationMs, failure, decision }: AttemptReport, clock: Clock): WorkAttempt {
  const wait = decision === undefined || decision.kind === 'give_up' ? {} : { wait: decision.wait };
  return {
    at: new Date(clock.now() - durationMs).toISOString(),
    op,
    durationMs: Math.round(durationMs),
    ...(failure === undefined ? {} : { failure: stored(failure) }),
    ...wait,
  };
}

const NEVER_SENT = new Set([
  'BREAKER_OPEN',
  'BULKHEAD_FULL',
  'LEASE_OVER',
  'NOT_SENT',
  'QUOTA_USED_UP',
  'QUOTA_UNREADABLE',
]);

function wasSent({ failure }: WorkAttempt): boolean {
  return failure === undefined || !NEVER_SENT.has(failure.code);
}

function notSent(error: unknown): Failure {
  const { message } = classify(error);
  return { category: 'service', certainty: 'not_applied', code: 'NOT_SENT', message, structural: false };
}

function leaseOver(): ConvergeError {
  return new ConvergeError(
    'the lease ended before the call was sent (the process was stopped for a while): its next holder continues',
    { code: 'LEASE_OVER', category: 'contention', certainty: 'not_applied' },
  );
}
