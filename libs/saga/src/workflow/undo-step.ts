import { BusinessRejection } from '@convergekit/core';
import type { CompensationAnswer } from '../calls/declare/types.ts';
import type { CallHandle } from '../calls/work/worker-call.ts';
import { stored } from '../calls/work/decide.ts';
import type { StoredFailure } from '../calls/work/work.ts';
import type { Entry, Witness } from './entry.ts';
import { type Attempt, callToEnd, type ExternalCall, type Following } from './external-call.ts';
import { frameOf, type StepFold } from './fold.ts';
import type { BoundLocalStep, BoundStep, ExternalStep, StoredStep } from './step.ts';
import { commitWith, foldOf, markStuck, putOff, type PutOff, slowMs, type Turn } from './turn.ts';

/** Undoes a step that took effect. A failed undo is retried on the slow schedule, for ever. Rejects with Suspended. */
export async function undoStep(turn: Turn, step: BoundStep, number: number): Promise<void> {
  if (step.kind === 'local') return compensate(turn, step, number);
  await callToEnd(turn, step, number, undoCallOf(turn, step, foldOf(turn, number)));
}

async function compensate(turn: Turn, step: BoundLocalStep, number: number): Promise<void> {
  for (;;) {
    const fold = foldOf(turn, number);
    const rolledBack = await commitWith(turn, 'workflow.after_local_undo', async (tx) => {
      const answer = await step.undoing(storedOf(turn, fold), tx);
      if (answer === 'irreversible') throw new BusinessRejection(IRREVERSIBLE);
      return undone(fold, answer, 'reply');
    });
    if (rolledBack === undefined) return;
    const { failure } = rolledBack;
    if (failure.category === 'business') return markStuck(turn, fold, 'irreversible', failure.message);
    await putOff(turn, fold, failedUndo(fold, 'call', failure, slowMs(turn, fold.failures + 1)));
  }
}

/** The undo of a step: an earlier one that has no answer is in doubt. */
function undoCallOf(turn: Turn, step: ExternalStep, { state }: StepFold): ExternalCall {
  return {
    entry: 'undo',
    isFresh: false,
    found: step.canQuery || state === 'undoing' ? 'unknown' : 'ready',
    scheduleOf: () => turn.options.schedule,
    notBeforeMs: (fold) => notBeforeMs(step, fold),
    finalAtMs: (fold) => (fold.state === 'undoing' ? Math.max(fold.undoFinalAtMs, fold.finalAtMs) : 0),
    handleOf: (fold) => {
      const { intent, key, result, reason } = storedOf(turn, fold);
      const { code, message } = reason;
      const planned = { input: () => step.inputOf(intent), key: () => key };
      const handle = step.undoing({ ...planned, result, reason: { code, message }, undoKey: `${key}/undo` });
      return believing(handle, fold.finalAtMs <= turn.journal.now());
    },
    follow: (attempt) => afterAttempt(turn, step, attempt),
  };
}

function afterAttempt(turn: Turn, step: ExternalStep, { op, fold, answer, next }: Attempt): Following {
  switch (next.kind) {
    case 'succeed':
      if (next.result === 'irreversible')
        return { kind: 'stuck', reason: 'irreversible', note: IRREVERSIBLE };
      if (op === 'call')
        return { kind: 'end', entry: undone(fold, next.result as CompensationAnswer, 'reply') };
      // The effect is gone: by this undo, whose reply was lost, or by another process.
      return {
        kind: 'end',
        entry: undone(fold, fold.state === 'undoing' ? 'done' : 'noop_already', 'check'),
      };
    case 'fail': {
      const { failure } = next;
      if (failure.category === 'business')
        return { kind: 'stuck', reason: 'irreversible', note: failure.message };
      const wait = failedUndo(fold, op, failure, slowMs(turn, fold.failures + 1));
      return { kind: 'again', found: step.canQuery ? 'unknown' : 'ready', wait };
    }
    case 'again': {
      if (next.wait === undefined) return { kind: 'again', found: next.state };
      const { computedMs: waitMs } = next.wait;
      const note = `it is not known yet whether ${fold.path} is undone`;
      const wait =
        answer.kind === 'failed' ? failedUndo(fold, op, stored(answer.failure), waitMs) : { waitMs, note };
      return { kind: 'again', found: next.state, wait };
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

/** Makes a query's "not there" count only when final: before, it may concern the step's call, not the undo. */
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

function failedUndo(
  { step, path }: StepFold,
  op: Attempt['op'],
  failure: StoredFailure,
  waitMs: number,
): PutOff {
  const what = op === 'query' ? 'check' : 'undo';
  const failed: Entry = { kind: 'undo_failed', step, path, op: what, failure, waitMs };
  return { waitMs, note: `the undo of ${path} failed: ${failure.message}`, failed };
}

function undone({ step, path }: StepFold, answer: CompensationAnswer, by: Witness): Entry {
  if (answer === 'irreversible') throw new RangeError('what is irreversible was not undone');
  return { kind: 'undone', step, path, outcome: answer, by };
}

function storedOf({ journal }: Turn, { intent, key, result = 'null' }: StepFold): StoredStep {
  const frame = frameOf(journal.fold);
  const reason = frame === undefined ? undefined : journal.fold.scopes.get(frame)?.failure;
  if (reason === undefined) throw new RangeError('nothing is being undone');
  return { intent, key, result, reason };
}

const IRREVERSIBLE = 'the step says that it cannot be undone';
