import { nextOp, type Rules, stored } from '../effects/work/decide.ts';
import type { OpenState, StoredFailure } from '../effects/work/work.ts';
import type { Entry } from './entry.ts';
import type { StepFold } from './fold.ts';
import type { BoundLocalStep, BoundStep, ExternalStep } from './step.ts';
import {
  attemptOnce,
  commitWith,
  markStuck,
  failingMs,
  heldFor,
  heldIdle,
  pause,
  record,
  runMsOf,
  slowMs,
  type Turn,
} from './turn.ts';

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
    : settleExternal(turn, step, number, why);
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

async function settleExternal(
  turn: Turn,
  step: ExternalStep,
  number: number,
  why: Settling,
): Promise<unknown> {
  const { journal } = turn;
  let found: OpenState = why === 'fresh' ? 'ready' : 'calling';
  // True when an earlier call may have taken effect, or still may.
  let doubt = why !== 'fresh';
  for (let turns = 0; ; turns += 1) {
    const { intentAtMs } = foldOf(turn, number);
    const isFirstCall = why === 'fresh' && turns === 0;
    const op = nextOp(found, rulesOf(step, false));
    if (op === 'stuck' || op === 'settle') return outcomeUnknown(turn, number);
    const finalInMs = foldOf(turn, number).finalAtMs - journal.now();
    if (!isFirstCall) await beforeAgain(turn, step, foldOf(turn, number), op);
    const { path, intent, key, calls } = foldOf(turn, number);
    const ageMs = journal.now() - intentAtMs;
    const tried = { found, attempts: calls, queries: turns, ageMs, finalInMs, doubt };
    const handle = step.handleOf({ input: () => step.inputOf(intent), key: () => key });
    const rules = rulesOf(step, op === 'query' && why === 'finish');
    const { answer, attempts, next } = await attemptOnce(turn, step, { handle, op }, tried, rules);
    if (answer.kind === 'failed' && answer.failure.code === 'NOT_SENT' && !isLastWord(turn, step)) {
      await pause(turn, 0, [], `${path} was not called: this process stops`);
      continue;
    }
    const by = op === 'query' ? 'check' : 'reply';
    const cause = answer.kind === 'failed' ? answer.failure.cause : undefined;
    const failure = answer.kind === 'failed' ? stored(answer.failure) : notVisible;
    const late = attempts.some((one) => one.failure?.certainty === 'unknown') ? { late: true as const } : {};
    switch (next.kind) {
      case 'succeed':
        await record(turn, { kind: 'result', step: number, path, result: next.result, by, ...late });
        return undefined;
      case 'fail':
        await record(turn, { kind: 'failed', step: number, path, failure: next.failure, by });
        return cause;
      case 'stuck':
        if (next.reason !== 'result_lost') return outcomeUnknown(turn, number);
        return markStuck(turn, foldOf(turn, number), 'result_lost', 'it took effect, and its result is lost');
      case 'again':
        if (next.state === 'ready' && op === 'call') {
          // Nothing was sent, and nothing is on its way: the caller gets the failure at once.
          await record(turn, { kind: 'failed', step: number, path, failure, by });
          return cause;
        }
        if (next.state === 'ready') doubt = finalInMs > 0;
        // The first query runs at once: the caller waits for the answer.
        else await waitForOutcome(turn, number, failure, isFirstCall ? 0 : (next.wait?.computedMs ?? 0));
        found = next.state;
    }
  }
}

/**
 * True when the failure is final. A process that froze, or stops, has sent nothing, which proves nothing about the
 * step: it is called later, here or elsewhere. It is recorded as a failure only where no query could find that later.
 */
function isLastWord({ signal }: Turn, step: ExternalStep): boolean {
  return signal.aborted && nextOp('calling', rulesOf(step, false)) === 'stuck';
}

function outcomeUnknown(turn: Turn, number: number): Promise<never> {
  const note = 'it may have taken effect, and no query can say so';
  return markStuck(turn, foldOf(turn, number), 'outcome_unknown', note);
}

async function waitForOutcome(
  turn: Turn,
  number: number,
  failure: StoredFailure,
  waitMs: number,
): Promise<void> {
  const fold = foldOf(turn, number);
  const { step, path } = fold;
  const unknown: Entry = { kind: 'unknown', step, path, failure };
  if (failingMs(turn, fold) >= turn.options.stuckAfterMs) {
    const note = `its outcome is still unknown: ${failure.message}`;
    const againInMs = Math.max(waitMs, slowMs(turn, fold.calls));
    await markStuck(turn, fold, 'outcome_unknown', note, { before: [unknown], againInMs });
  }
  await pause(
    turn,
    waitMs,
    fold.state === 'unknown' ? [] : [unknown],
    `it is not known yet what became of ${path}`,
  );
}

/** Holds the workflow for a repeat. A repeated call moves the time at which "not found" is final, a query does not. */
function beforeAgain(
  turn: Turn,
  bound: ExternalStep,
  { step, path }: StepFold,
  op: 'call' | 'query',
): Promise<void> {
  const repeat: Entry = { kind: 'repeat', step, path, callMs: runMsOf(turn, bound) };
  return turn.journal.write(op === 'query' ? [] : [repeat], heldFor(turn, bound));
}

/** Returns the rules of a step. A call that is finally not found has failed: only a resumed workflow repeats it. */
function rulesOf({ idempotency, canQuery }: ExternalStep, repeats: boolean): Rules {
  const withinMs = repeats ? Number.POSITIVE_INFINITY : 0;
  return { idempotency, canQuery, schedule: { fast: asking, fastAttempts: 60, slow: asking, withinMs } };
}

const asking = { baseMs: 250, factor: 2, capMs: 60_000 };

export function foldOf({ journal }: Turn, number: number): StepFold {
  const step = journal.fold.steps[number - 1];
  if (step === undefined) throw new RangeError(`there is no step ${number}`);
  return step;
}

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
