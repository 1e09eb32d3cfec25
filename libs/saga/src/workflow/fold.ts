import type { PlannedUndo } from '../calls/declare/types.ts';
import type { StoredFailure } from '../calls/work/work.ts';
import {
  type Entry,
  isWithin,
  readEntry,
  type WorkflowState,
  type WorkflowStuckReason,
  type UndoOutcome,
} from './entry.ts';
import type { JournalRow } from './journal-sql.ts';
import { type JournalTime, timeAfter } from './journal-time.ts';

/**
 * intended   its call may be on its way · unknown: its outcome is not known
 * done, failed   it took effect, or certainly did not · undoing: its undo may have taken effect · undone: see `outcome`
 */
export type StepState = 'intended' | 'unknown' | 'done' | 'failed' | 'undoing' | 'undone';

/** The state of one step according to the journal. Times are the journal's (`timeAfter`), in milliseconds since 1970. */
export interface StepFold {
  readonly step: number;
  readonly path: string;
  readonly intent: string;
  readonly key: string;
  readonly undo: PlannedUndo;
  readonly state: StepState;
  readonly result?: string;
  readonly failure?: StoredFailure;
  readonly outcome?: UndoOutcome;
  readonly settleMs: number;
  /** The number of failures since the call, or its undo, began. */
  readonly failures: number;
  /** The time from which "not found" is final for the step's calls. */
  readonly finalAtMs: number;
  /** The time until which a lost call may arrive, beside the one whose result is known. */
  readonly lateUntilMs: number;
  /** The time since which queries of its outcome, or its undo, have failed. */
  readonly failingSinceMs?: number;
  /** True when an undo before the last one may have taken effect: the last one's result says nothing about it. */
  readonly undoInDoubt: boolean;
  readonly undoFinalAtMs: number;
}

export interface ScopeFold {
  readonly state: 'open' | 'done' | 'compensating' | 'undone';
  /** The failure that is the reason of the undo. */
  readonly failure?: StoredFailure;
}

/** Everything that a journal says. The path '' is the whole workflow. */
export interface Fold {
  readonly steps: readonly StepFold[];
  readonly scopes: ReadonlyMap<string, ScopeFold>;
  readonly stuck?: { readonly step: number; readonly reason: WorkflowStuckReason; readonly note: string };
  readonly result?: string;
}

export const emptyFold: Fold = Object.freeze({
  steps: Object.freeze([]),
  scopes: new Map<string, ScopeFold>([['', { state: 'open' }]]),
});

/** Pure: the state that a journal says the whole workflow is in. */
export function stateOf(fold: Fold): WorkflowState {
  const root = rootOf(fold).state;
  if (root === 'done') return 'completed';
  if (root === 'undone') return 'compensated';
  if (fold.stuck !== undefined) return 'stuck';
  return frameOf(fold) === undefined ? 'running' : 'compensating';
}

/** Returns the path that is being undone: '' for everything. */
export function frameOf(fold: Fold): string | undefined {
  if (rootOf(fold).state === 'compensating') return '';
  return [...fold.scopes].find(([, { state }]) => state === 'compensating')?.[0];
}

export function rootOf({ scopes }: Fold): ScopeFold {
  return scopes.get('') ?? { state: 'open' };
}

/** Lists the open scopes from the outermost; the next step belongs to the last. */
export function openScopes({ scopes }: Fold): readonly string[] {
  return [...scopes].filter(([, { state }]) => state === 'open').map(([path]) => path);
}

export function isEnded(fold: Fold): boolean {
  const { state } = rootOf(fold);
  return state === 'done' || state === 'undone';
}

/** Pure: what these rows of a journal come to. */
export function foldRows(rows: readonly JournalRow[]): Fold {
  return replay(rows).fold;
}

/** Pure: the same, with the time of the journal at the last row. */
export function replay(rows: readonly JournalRow[]): { readonly fold: Fold; readonly time?: JournalTime } {
  let fold = emptyFold;
  let time: JournalTime | undefined;
  for (const row of rows) {
    const { entry, workerMs } = readEntry(row);
    time = timeAfter(time, { databaseMs: row.atMs, workerMs });
    fold = foldEntry(fold, entry, time.ms);
  }
  return { fold, ...(time !== undefined && { time }) };
}

/** Pure: the fold with an entry that is known to be allowed (see `whyNot`). */
export function foldEntry(fold: Fold, entry: Entry, atMs: number): Fold {
  switch (entry.kind) {
    case 'scope':
      return withScope(fold, entry.path, { state: 'open' });
    case 'scope_done':
      return withScope(fold, entry.path, { state: 'done' });
    case 'compensate':
      return withScope(fold, entry.path, { state: 'compensating', failure: entry.failure });
    case 'scope_undone':
    case 'compensated':
      return closed(fold, entry.path);
    case 'completed':
      return { ...withScope(fold, '', { state: 'done' }), result: entry.result };
    case 'intent': {
      const { step, path, intent, key, undo, callMs, settleMs } = entry;
      const times = {
        settleMs,
        finalAtMs: atMs + callMs + settleMs,
        lateUntilMs: 0,
        undoFinalAtMs: 0,
      };
      const tried = { failures: 0, undoInDoubt: false };
      const added: StepFold = { step, path, intent, key, undo, state: 'intended', ...times, ...tried };
      return { ...fold, steps: [...fold.steps, added] };
    }
    case 'stuck': {
      const { step, reason, note } = entry;
      return { ...fold, stuck: { step, reason, note } };
    }
    case 'operator':
      return unstuck(changed(fold, entry.step, over));
    default: {
      const after = changed(fold, entry.step, (step) => stepAfter(step, entry, atMs));
      return ENDINGS.has(entry.kind) ? unstuck(after) : after;
    }
  }
}

/** The entries after which a step does not wait for an operator any more. */
const ENDINGS: ReadonlySet<Entry['kind']> = new Set(['result', 'failed', 'undone']);

type OfStep = Extract<
  Entry,
  { kind: 'repeat' | 'unknown' | 'result' | 'failed' | 'undo' | 'undo_failed' | 'undone' }
>;

function stepAfter(step: StepFold, entry: OfStep, atMs: number): StepFold {
  const { failingSinceMs = atMs } = step;
  const failures = step.failures + 1;
  switch (entry.kind) {
    case 'repeat': {
      const finalAtMs = atMs + entry.callMs + step.settleMs;
      return { ...step, lateUntilMs: step.finalAtMs, finalAtMs };
    }
    case 'unknown':
      return { ...step, failingSinceMs, failures, state: 'unknown', lateUntilMs: step.finalAtMs };
    case 'result': {
      // A thing that was seen is visible; an answered call becomes visible after the settle time.
      const finalAtMs = entry.by === 'reply' ? atMs + step.settleMs : atMs;
      const isLate = entry.by === 'check' || entry.late === true;
      const lateUntilMs = isLate ? Math.max(step.lateUntilMs, step.finalAtMs) : step.lateUntilMs;
      return { ...over(step), state: 'done', result: entry.result, failures: 0, finalAtMs, lateUntilMs };
    }
    case 'failed':
      return { ...over(step), state: 'failed', failure: entry.failure };
    case 'undo': {
      const undoFinalAtMs = atMs + entry.callMs + step.settleMs;
      return { ...step, undoInDoubt: step.state === 'undoing', state: 'undoing', undoFinalAtMs };
    }
    case 'undo_failed': {
      const state = isRefused(entry) && !step.undoInDoubt ? 'done' : step.state;
      return { ...step, failingSinceMs, failures, state };
    }
    case 'undone':
      return { ...over(step), state: 'undone', outcome: entry.outcome };
  }
}

/** The undo certainly took no effect; of a question that failed nothing is known. */
function isRefused({ op, failure }: Extract<Entry, { kind: 'undo_failed' }>): boolean {
  return op === 'undo' && failure.certainty === 'not_applied';
}

function changed(fold: Fold, wanted: number, change: (step: StepFold) => StepFold): Fold {
  return { ...fold, steps: fold.steps.map((step) => (step.step === wanted ? change(step) : step)) };
}

function withScope(fold: Fold, path: string, scope: ScopeFold): Fold {
  return { ...fold, scopes: new Map([...fold.scopes, [path, scope]]) };
}

/** A scope that is undone takes those within along. */
function closed(fold: Fold, closing: string): Fold {
  const scopes = [...fold.scopes].map(([path, scope]): [string, ScopeFold] =>
    isWithin(closing, path) ? [path, { ...scope, state: 'undone' }] : [path, scope],
  );
  return { ...fold, scopes: new Map(scopes) };
}

function unstuck({ steps, scopes, result }: Fold): Fold {
  return { steps, scopes, ...(result === undefined ? {} : { result }) };
}

/** Clears the begin of failures, which have ended. */
function over(step: StepFold): StepFold {
  const copy: { -readonly [Key in keyof StepFold]: StepFold[Key] } = { ...step };
  delete copy.failingSinceMs;
  return copy;
}
