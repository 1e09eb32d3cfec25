import type { SlowSchedule } from '@convergekit/resilience';
import { afterAttempts, attributeNames, spanNames } from '@convergekit/telemetry/engine';
import { withSpan } from '@convergekit/telemetry';
import type { CallHandle } from '../calls/work/worker-call.ts';
import { admission } from '../calls/quota/admission.ts';
import { reportAttempts } from '../calls/worker/record-attempts.ts';
import { type CallRun, runCall } from '../calls/worker/run-call.ts';
import { decide, type Next, nextOp, type Rules, type Tried } from '../calls/work/decide.ts';
import type { OpenState } from '../calls/work/work.ts';
import type { Entry, WorkflowStuckReason } from './entry.ts';
import type { StepFold } from './fold.ts';
import type { ExternalStep } from './step.ts';
import { foldOf, heldFor, markStuck, putOff, type PutOff, record, runMsOf, type Turn } from './turn.ts';

/** An attempt of an external call: its answer, what was decided by it, and the step as it was. */
export interface Attempt extends CallRun {
  readonly op: 'call' | 'query';
  readonly found: OpenState;
  readonly next: Exclude<Next, { kind: 'stuck' }>;
  readonly fold: StepFold;
}

/** The entry that ends a call, with the error of one that failed; or an operator's turn; or the next attempt. */
export type Following =
  | { readonly kind: 'end'; readonly entry: Entry; readonly cause?: unknown }
  | { readonly kind: 'stuck'; readonly reason: WorkflowStuckReason; readonly note: string }
  | { readonly kind: 'again'; readonly found: OpenState; readonly wait?: PutOff };

/** The call of a step, or its undo: what differs between the two. */
export interface ExternalCall {
  /** The entry before each call. */
  readonly entry: 'repeat' | 'undo';
  /** True when the entry before the first call has just been written. */
  readonly isFresh: boolean;
  /** The state in which the journal shows it. */
  readonly found: OpenState;
  readonly scheduleOf: (op: Attempt['op']) => SlowSchedule;
  /** Returns the time from which it may be called or queried, by the time of the journal. */
  readonly notBeforeMs: (fold: StepFold) => number;
  /** Returns the time from which "not found" is final. */
  readonly finalAtMs: (fold: StepFold) => number;
  readonly handleOf: (fold: StepFold) => CallHandle;
  readonly follow: (attempt: Attempt) => Following;
}

/** Brings an external call to its end, and records it. Resolves with the error of one that failed. */
export async function callToEnd(
  turn: Turn,
  step: ExternalStep,
  number: number,
  call: ExternalCall,
): Promise<unknown> {
  const { journal } = turn;
  let { isFresh, found } = call;
  // True when an earlier call may still take effect, although it was not found.
  let doubt = false;
  for (;;) {
    const before = foldOf(turn, number);
    const { path } = before;
    const op = nextOp(found, step);
    if (op === 'stuck' || op === 'settle') return outcomeUnknown(turn, before);
    const waitMs = call.notBeforeMs(before) - journal.now();
    if (waitMs > 0) {
      await putOff(turn, before, { waitMs, note: `a call of ${path} may still arrive, or not show yet` });
      continue;
    }
    const entry: Entry = { kind: call.entry, step: number, path, callMs: runMsOf(turn, step) };
    if (!isFresh) await journal.write(op === 'call' ? [entry] : [], heldFor(turn, step));
    isFresh = false;
    const fold = foldOf(turn, number);
    const finalInMs = call.finalAtMs(fold) - journal.now();
    const tried = { found, attempts: fold.failures, queries: 0, ageMs: 0, finalInMs, doubt, covered: false };
    const { next, ...run } = await attemptOnce(turn, step, op, call.handleOf(fold), {
      tried,
      schedule: call.scheduleOf(op),
    });
    if (next.kind === 'stuck' && next.reason !== 'result_lost') return outcomeUnknown(turn, fold);
    if (next.kind === 'stuck')
      return markStuck(turn, fold, 'result_lost', 'it took effect, and its result is lost');
    const following = call.follow({ ...run, next, op, found, fold });
    switch (following.kind) {
      case 'end':
        await record(turn, following.entry);
        return following.cause;
      case 'stuck':
        return markStuck(turn, fold, following.reason, following.note);
      case 'again':
        if (following.wait !== undefined) await putOff(turn, fold, following.wait);
        ({ found } = following);
        if (op === 'query') doubt = finalInMs > 0;
    }
  }
}

function outcomeUnknown(turn: Turn, fold: StepFold): Promise<never> {
  return markStuck(turn, fold, 'outcome_unknown', 'it may have taken effect, and no query can say so');
}

/** Calls or queries once, under the lease of the last write, and decides what follows. Never rejects. */
async function attemptOnce(
  turn: Turn,
  step: ExternalStep,
  op: Attempt['op'],
  handle: CallHandle,
  { tried, schedule }: { readonly tried: Tried } & Pick<Rules, 'schedule'>,
): Promise<CallRun & { readonly next: Next }> {
  const { options, journal, signal } = turn;
  const { clock, random, shared, database } = options;
  const { name: call, quota, idempotency, canQuery } = step;
  // The lease counts from the write, not from now: this process may have been frozen since.
  const endsAt = journal.sentAt + runMsOf(turn, step);
  const attributes = { [attributeNames.call]: call };
  const earlier = tried.attempts;
  return withSpan(spanNames.run(call), { kind: 'internal', attributes }, () =>
    afterAttempts(earlier, async () => {
      const admit = quota && admission(database.executor, quota, { clock, signal });
      const asking = { clock, random, shared, signal, endsAt, admit };
      const asked = await runCall(op, handle, idempotency, asking);
      const { answer, attempts } = asked;
      const next = decide(op, answer, tried, { idempotency, canQuery, schedule }, random);
      reportAttempts(options.log, { call }, { call, earlier, attempts, next });
      return { ...asked, next };
    }),
  );
}
