import type { PlannedUndo } from '../calls/declare/types.ts';
import type { StoredFailure } from '../calls/work/work.ts';

/**
 * running       its effects are being made · completed: all of them stand
 * compensating  they are undone, the last one first · compensated: nothing of them is left, or an operator let go of it
 * stuck         it waits for an operator, for the reason that stands beside it
 */
export const WORKFLOW_STATES = Object.freeze([
  'running',
  'completed',
  'compensating',
  'compensated',
  'stuck',
] as const);
export type WorkflowState = (typeof WORKFLOW_STATES)[number];

/**
 * irreversible     the step cannot be undone
 * undo_failing     its undo has failed for longer than `stuckAfterMs`; it is retried
 * outcome_unknown  it may have taken effect, and no query has said so for that long
 * result_lost      it took effect, and its result cannot be read
 * step_undeclared  the code that is deployed does not know the step; it goes on once some does
 */
export type WorkflowStuckReason =
  'irreversible' | 'undo_failing' | 'outcome_unknown' | 'result_lost' | 'step_undeclared';

/** The end of an undo: `forgotten` is an operator's decision, the others are the step's. */
export type UndoOutcome = 'done' | 'noop_already' | 'noop_not_applied' | 'forgotten';

/** The reason why a scope, or the whole workflow, is undone. `interrupted`: the process died, or lost its lease. */
export type CompensateTrigger = 'failure' | 'interrupted' | 'code_changed';

/** The source of an outcome: the call itself, the other side's records, the journal, or an operator. */
export type Witness = 'reply' | 'check' | 'journal' | 'operator';

/**
 * An entry of a journal, in the order of events:
 * scope, scope_done            a scope begins, and ends well
 * intent, repeat              written before a step's call, and before it is made once more. The call ends within
 *                              `callMs`, and is visible `settleMs` later: then "not found" is the last word on it
 * unknown, result, failed      the outcome of the call; `failed` says that it certainly took no effect, `late` that an
 *                              attempt before the one that was answered may still arrive
 * compensate                   from here on the path is undone, the highest step first
 * undo, undo_failed, undone    before an undo's call, after one that failed, and the end of it
 * scope_undone, compensated, completed   the end of a scope, and of the whole
 * stuck, operator              the workflow waits for an operator, and the operator's act
 */
export type Entry =
  | OfPath<'scope' | 'scope_done' | 'scope_undone'>
  | OfStep<'intent', { intent: string; key: string; undo: PlannedUndo; callMs: number; settleMs: number }>
  | OfStep<'repeat' | 'undo', { callMs: number }>
  | OfStep<'unknown', { failure: StoredFailure }>
  | OfStep<'result', { result: string; by: Witness; late?: true }>
  | OfStep<'failed', { failure: StoredFailure; by: Witness }>
  | OfPath<'compensate', { trigger: CompensateTrigger; failure: StoredFailure }>
  | OfStep<'undo_failed', { op: 'undo' | 'check'; failure: StoredFailure; waitMs: number }>
  | OfStep<'undone', { outcome: UndoOutcome; by: Witness }>
  | OfStep<'stuck', { reason: WorkflowStuckReason; note: string }>
  | OfStep<'operator', { act: OperatorAct; actor: string; note: string }>
  | OfPath<'completed', { result: string }>
  | OfPath<'compensated'>;

export type OperatorAct = 'retry' | 'resolve' | 'forget';

type OfPath<Kind, More = unknown> = Kind extends string
  ? { readonly kind: Kind; readonly path: string } & Readonly<More>
  : never;
type OfStep<Kind, More = unknown> = Kind extends string
  ? OfPath<Kind, More> & { readonly step: number }
  : never;

/** True when the path is the scope's own, or lies in it. '' contains everything. */
export function isWithin(scope: string, path: string): boolean {
  return scope === '' || path === scope || path.startsWith(`${scope}/`);
}

/** The scope in which a step or a scope stands. */
export function scopeOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at < 0 ? '' : path.slice(0, at);
}

/** Returns the declared name of a step: its path without scopes and repetition number. */
export function stepNameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/#\d+$/, '');
}

/** An entry, as its row has it. */
export interface EntryRow {
  readonly kind: string;
  readonly step: number | null;
  readonly path: string;
  readonly data: string;
}

/** Makes the row of an entry. `workerMs`: the time by the clock of the worker that writes it. */
export function rowOf({ kind, path, ...rest }: Entry, workerMs?: number): EntryRow {
  const { step, ...data } = { step: null, ...rest };
  const at = workerMs === undefined ? undefined : new Date(workerMs).toISOString();
  return { kind, step, path, data: JSON.stringify({ at, ...data }) };
}

/** Throws when `data` is no JSON object. The kind is the table's, which checks it. */
export function entryOf(row: EntryRow): Entry {
  return readEntry(row).entry;
}

/** Reads an entry with the time by its writer's clock. Throws like `entryOf`. */
export function readEntry({ kind, step, path, data }: EntryRow): {
  readonly entry: Entry;
  readonly workerMs: number | undefined;
} {
  const parsed: unknown = JSON.parse(data);
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('its data is no object');
  const { at, ...rest } = parsed as { readonly at?: unknown };
  const workerMs = typeof at === 'string' ? Date.parse(at) : NaN;
  const entry = { ...rest, kind, path, ...(step === null ? {} : { step }) } as Entry;
  return { entry, workerMs: Number.isNaN(workerMs) ? undefined : workerMs };
}
