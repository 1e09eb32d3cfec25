import { nextOp, stored } from '../calls/work/decide.ts';
import type { StoredFailure } from '../calls/work/work.ts';
import type { Entry } from './entry.ts';
import { type Attempt, callToEnd, type ExternalCall, type Following } from './external-call.ts';
import type { BoundLocalStep, BoundStep, ExternalStep } from './step.ts';
import { commitWith, foldOf, heldFor, heldIdle, type PutOff, record, runMsOf, type Turn } from './turn.ts';

/** Plans a step: the intent and its undo are written before anything is called. Resolves with its number. */
export async function intend(turn: Turn, step: BoundStep, path: string, intent: string): Promise<number> {
  const { journal } = turn;
  const number = journal.fold.steps.length + 1;
  const { workflow, id } = journal.claim;
  const local = step.kind === 'local';
  const declared = local ? undefined : step.keyOf(step.inputOf(intent));
  const key = declared ?? `${workflow}/${id}/${path}`;
  const times = local ? { callMs: 0, settleMs: 0 } : { callMs: runMsOf(turn, step), settleMs: step.settleMs };
  const entry: Entry = { kind: 'intent', step: number, path, intent, key, undo: step.planned, ...times };
  await journal.write([entry], local ? heldIdle(turn) : heldFor(turn, step));
  return number;
}

/**
 * The reason for bringing a step's call to an end.
 * fresh    this turn has just written the intent, so that nothing can have been called
 * finish   the step was interrupted, and is completed
 * undo     the step was interrupted, and its possible effect is to be undone
 */
export type Settling = 'fresh' | 'finish' | 'undo';

/**
 * Brings a step's call to an end: `result`, or `failed` when it certainly took no effect. An unknown outcome is
 * queried before a call is repeated. Resolves with the error of the call. Rejects with Suspended.
 */
export async function settle(turn: Turn, step: BoundStep, number: number, why: Settling): Promise<unknown> {
  return step.kind === 'local'
    ? settleLocal(turn, step, number, why)
    : callToEnd(turn, step, number, callOf(turn, step, why));
}

async function settleLocal(
  turn: Turn,
  step: BoundLocalStep,
  number: number,
  why: Settling,
): Promise<unknown> {
  const { path, intent } = foldOf(turn, number);
  // The journal would have the result, since both are one transaction, and an earlier holder can no longer commit.
  if (why === 'undo') {
    await record(turn, { kind: 'failed', step: number, path, failure: interrupted, by: 'journal' });
    return undefined;
  }
  const rolledBack = await commitWith(turn, 'workflow.after_local_commit', async (tx) => {
    const result = await step.doing(intent, tx);
    return { kind: 'result', step: number, path, result, by: 'reply' };
  });
  if (rolledBack === undefined) return undefined;
  const { failure, error } = rolledBack;
  await record(turn, { kind: 'failed', step: number, path, failure, by: 'reply' });
  return error;
}

/** The call of a step. A call that is finally not found has failed: only a resumed workflow repeats it. */
function callOf(turn: Turn, step: ExternalStep, why: Settling): ExternalCall {
  return {
    entry: 'repeat',
    isFresh: why === 'fresh',
    found: why === 'fresh' ? 'ready' : 'calling',
    scheduleOf: (op) => {
      const withinMs = op === 'query' && why === 'finish' ? Number.POSITIVE_INFINITY : 0;
      return { fast: asking, fastAttempts: 60, slow: asking, withinMs };
    },
    notBeforeMs: () => 0,
    finalAtMs: ({ finalAtMs }) => finalAtMs,
    handleOf: ({ intent, key }) => step.handleOf({ input: () => step.inputOf(intent), key: () => key }),
    follow: (attempt) => afterAttempt(turn, step, attempt),
  };
}

function afterAttempt(turn: Turn, step: ExternalStep, attempt: Attempt): Following {
  const { op, found, fold, answer, attempts, next } = attempt;
  const at = { step: fold.step, path: fold.path };
  const by = op === 'query' ? 'check' : 'reply';
  const cause = answer.kind === 'failed' ? answer.failure.cause : undefined;
  const failure = answer.kind === 'failed' ? stored(answer.failure) : notVisible;
  const failed = (why: StoredFailure): Following => {
    return { kind: 'end', entry: { kind: 'failed', ...at, failure: why, by }, cause };
  };
  // A process that froze, or stops, has sent nothing, which proves nothing about the step: it is called later, here or elsewhere.
  // That counts as a failure only where no query could find it later.
  const isLastWord = turn.signal.aborted && nextOp('calling', step) === 'stuck';
  if (failure.code === 'NOT_SENT' && !isLastWord)
    return {
      kind: 'again',
      found,
      wait: { waitMs: 0, note: `${at.path} was not called: this process stops` },
    };
  switch (next.kind) {
    case 'succeed': {
      const isLate = attempts.some((one) => one.failure?.certainty === 'unknown');
      const entry: Entry = { kind: 'result', ...at, result: next.result, by };
      return { kind: 'end', entry: isLate ? { ...entry, late: true } : entry };
    }
    case 'fail':
      return failed(next.failure);
    case 'again': {
      // Nothing was sent, and nothing is on its way: the caller gets the failure at once.
      if (next.state === 'ready') return op === 'call' ? failed(failure) : { kind: 'again', found: 'ready' };
      // The first query runs at once: the caller waits for the answer.
      const waitMs = op === 'call' && fold.failures === 0 ? 0 : (next.wait?.computedMs ?? 0);
      const note = `it is not known yet what became of ${at.path}: ${failure.message}`;
      const wait: PutOff = { waitMs, note, failed: { kind: 'unknown', ...at, failure } };
      return { kind: 'again', found: 'unknown', wait };
    }
  }
}

const asking = { baseMs: 250, factor: 2, capMs: 60_000 };

const interrupted: StoredFailure = {
  category: 'service',
  certainty: 'not_applied',
  code: 'INTERRUPTED',
  message: 'its process stopped before the transaction had committed',
};

const notVisible: StoredFailure = {
  category: 'service',
  certainty: 'unknown',
  code: 'NOT_FINAL',
  message: 'the other side does not show the call, and it may still come',
};
