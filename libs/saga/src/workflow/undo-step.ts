import { BusinessRejection } from '@convergekit/core';
import type { UndoAnswer } from '../effects/call/types.ts';
import type { CallHandle } from '../effects/effect/types.ts';
import { nextOp, type Rules, stored } from '../effects/work/decide.ts';
import type { OpenState, StoredFailure } from '../effects/work/work.ts';
import { foldOf } from './do-step.ts';
import type { Entry, Witness } from './entry.ts';
import { frameOf, type StepFold } from './fold.ts';
import type { BoundLocalStep, BoundStep, ExternalStep, StoredStep } from './step.ts';
import {
  attemptOnce,
  commitWith,
  markStuck,
  failingMs,
  heldFor,
  pause,
  record,
  runMsOf,
  slowMs,
  type TriedOnce,
  type Turn,
} from './turn.ts';

/**
 * Undoes a step that took effect: queries the effect, calls the undo, and records its end. A failed undo is retried on
 * the slow schedule, for ever. Rejects with Suspended.
 */
export async function undoStep(turn: Turn, step: BoundStep, number: number): Promise<void> {
  await (step.kind === 'local' ? undoLocal(turn, step, number) : undoExternal(turn, step, number));
}

async function undoLocal(turn: Turn, step: BoundLocalStep, number: number): Promise<void> {
  for (;;) {
    const fold = foldOf(turn, number);
    const rolledBack = await commitWith(turn, 'workflow.after_local_undo', async (tx) => {
      const answer = await step.undoing(storedOf(turn, fold), tx);
      if (answer === 'irreversible') throw new BusinessRejection(IRREVERSIBLE);
      return undone(fold, answer, 'reply');
    });
    if (rolledBack === undefined) return;
    const { failure } = rolledBack;
    if (failure.category === 'business') return cannot(turn, fold, failure.message);
    await failedUndo(turn, fold, 'undo', failure, slowMs(turn, fold.undoFailures + 1));
  }
}

async function undoExternal(turn: Turn, step: ExternalStep, number: number): Promise<void> {
  const { journal, options } = turn;
  const rules: Rules = { idempotency: step.idempotency, canQuery: step.canQuery, schedule: options.schedule };
  let found: OpenState = step.canQuery || foldOf(turn, number).state === 'undoing' ? 'unknown' : 'ready';
  for (;;) {
    const op = nextOp(found, rules);
    if (op === 'stuck' || op === 'settle') return inDoubt(turn, foldOf(turn, number));
    const before = foldOf(turn, number);
    const { path } = before;
    const waitMs = notBeforeMs(step, before) - journal.now();
    if (waitMs > 0) {
      await pause(turn, waitMs, [], `a call of ${path} may still arrive, or not show yet`);
      continue;
    }
    const callMs = runMsOf(turn, step);
    await journal.write(
      op === 'call' ? [{ kind: 'undo', step: number, path, callMs }] : [],
      heldFor(turn, step),
    );
    const fold = foldOf(turn, number);
    const handle = believing(undoOf(step, storedOf(turn, fold)), fold.finalAtMs <= journal.now());
    const tried = triedOf(turn, before, found);
    const { answer, next } = await attemptOnce(turn, step, { handle, op }, tried, rules);
    switch (next.kind) {
      case 'succeed':
        if (next.result === 'irreversible') return cannot(turn, fold, IRREVERSIBLE);
        return record(turn, undone(fold, ...outcomeOf(op, next.result as UndoAnswer, fold)));
      case 'stuck':
        return inDoubt(turn, fold);
      case 'fail':
        if (next.failure.category === 'business') return cannot(turn, fold, next.failure.message);
        await failedUndo(turn, fold, op, next.failure, slowMs(turn, fold.undoFailures + 1));
        found = step.canQuery || foldOf(turn, number).state === 'undoing' ? 'unknown' : 'ready';
        continue;
      case 'again':
        found = next.state;
        if (next.wait === undefined) continue;
        if (answer.kind === 'failed')
          await failedUndo(turn, fold, op, stored(answer.failure), next.wait.computedMs);
        else await pause(turn, next.wait.computedMs, [], `it is not known yet whether ${path} is undone`);
    }
  }
}

/**
 * Returns the time from which an undo, or the query of one, makes sense. A call that is repeatable without a key must
 * not be undone while a lost repeat of it may arrive: it would take effect again. A call that must not be repeated is
 * not queried while it may be invisible: no answer would show that it was undone.
 */
function notBeforeMs({ idempotency }: ExternalStep, { state, lateUntilMs, finalAtMs }: StepFold): number {
  switch (idempotency) {
    case 'idempotent':
      return lateUntilMs;
    case 'keyed':
      return 0;
    case 'none':
      return state === 'undoing' ? finalAtMs : 0;
  }
}

/**
 * Makes a query's "not there" count only when final. Until the step's own call must have become visible, the answer may
 * concern that call, and not the undo.
 */
function believing(handle: CallHandle, final: boolean): CallHandle {
  if (final) return handle;
  return {
    ...handle,
    query: async (guards, permit) => {
      await handle.query(guards, permit);
      return { kind: 'not_found' };
    },
  };
}

/** The state of an undo as `decide` needs it: an earlier call without an answer is in doubt. */
function triedOf({ journal }: Turn, fold: StepFold, found: OpenState): TriedOnce {
  const now = journal.now();
  const doubt = fold.state === 'undoing';
  const finalInMs = doubt ? Math.max(fold.undoFinalAtMs, fold.finalAtMs) - now : 0;
  return { found, attempts: fold.undoFailures, queries: 0, ageMs: 0, finalInMs, doubt };
}

function outcomeOf(op: 'call' | 'query', answer: UndoAnswer, { state }: StepFold): [UndoAnswer, Witness] {
  if (op === 'call') return [answer, 'reply'];
  // The effect is gone: by this undo, whose reply was lost, or by another process.
  return [state === 'undoing' ? 'done' : 'noop_already', 'check'];
}

async function failedUndo(
  turn: Turn,
  fold: StepFold,
  op: 'call' | 'query' | 'undo',
  failure: StoredFailure,
  waitMs: number,
): Promise<void> {
  const { step, path } = fold;
  const what = op === 'query' ? 'check' : 'undo';
  const failed: Entry = { kind: 'undo_failed', step, path, op: what, failure, waitMs };
  if (failingMs(turn, fold) >= turn.options.stuckAfterMs)
    await markStuck(turn, fold, 'undo_failing', failure.message, { before: [failed], againInMs: waitMs });
  await pause(turn, waitMs, [failed], `the undo of ${path} failed: ${failure.message}`);
}

function inDoubt(turn: Turn, fold: StepFold): Promise<never> {
  return markStuck(turn, fold, 'outcome_unknown', 'its undo may have taken effect, and no query can say so');
}

function cannot(turn: Turn, fold: StepFold, why: string): Promise<never> {
  return markStuck(turn, fold, 'irreversible', why);
}

function undone({ step, path }: StepFold, answer: UndoAnswer, by: Witness): Entry {
  if (answer === 'irreversible') throw new RangeError('what is irreversible was not undone');
  return { kind: 'undone', step, path, outcome: answer, by };
}

function storedOf({ journal }: Turn, { intent, key, result = 'null' }: StepFold): StoredStep {
  const frame = frameOf(journal.fold);
  const reason = frame === undefined ? undefined : journal.fold.scopes.get(frame)?.failure;
  if (reason === undefined) throw new RangeError('nothing is being undone');
  return { intent, key, result, reason };
}

function undoOf(step: ExternalStep, { intent, key, result, reason }: StoredStep): CallHandle {
  const { code, message } = reason;
  return step.undoing({
    input: () => step.inputOf(intent),
    key: () => key,
    result,
    reason: { code, message },
    undoKey: `${key}/undo`,
  });
}

const IRREVERSIBLE = 'the step says that it cannot be undone';
