import type { WorkflowState, WorkflowStuckReason } from './entry.ts';
import { emptyFold, type Fold, foldEntry, stateOf } from './fold.ts';
import type { JournalRow } from './journal-sql.ts';
import { type PlannedMove, planOf } from './plan.ts';
import { whyNot } from './rules.ts';
import { entryOf, firstSeal, nextSeal } from './seal.ts';

/** A workflow as it stands in its row, and its journal. */
export interface WorkflowRecord {
  readonly workflow: string;
  readonly id: string;
  readonly input: string;
  readonly state: WorkflowState;
  readonly stuckReason: WorkflowStuckReason | null;
  readonly result: string | null;
  readonly entries: number;
  readonly seal: string;
  readonly journal: readonly JournalRow[];
}

export interface WorkflowVerdict {
  /** Empty when journal and state agree. */
  readonly issues: readonly string[];
  /** What the journal comes to, as far as it could be followed. */
  readonly state: WorkflowState;
  /** What is undone, or would be, in its order. */
  readonly plan: readonly PlannedMove[];
}

/**
 * Pure: replays a journal and compares what it comes to with what the row says. Finds
 * - an entry that was changed, added, left out or put elsewhere: the seals do not fit;
 * - one that cannot follow what stands before it, also when all seals were made anew: an effect without an intent, an undo
 *   out of order or twice, an end before everything is undone;
 * - a row that says something else than its journal.
 * A writer that rewrites the whole journal by its rules, with its row, is not found: seals are hashes, not signatures.
 */
export function verifyWorkflow(record: WorkflowRecord): WorkflowVerdict {
  const { workflow, id, input, journal } = record;
  const issues: string[] = [];
  let seal = firstSeal(workflow, id, input);
  let fold: Fold = emptyFold;
  let atMs = 0;
  for (const [index, row] of journal.entries()) {
    const where = `entry ${row.seq} (${row.kind} ${row.path})`;
    if (row.seq !== index + 1) issues.push(`${where} stands where entry ${index + 1} should`);
    seal = nextSeal(seal, row.seq, row);
    if (row.seal !== seal) issues.push(`${where} does not fit its seal: it, or one before it, was changed`);
    // Goes on from what stands there, so that one change is named once.
    seal = row.seal;
    if (row.atMs < atMs) issues.push(`${where} is older than the one before it`);
    atMs = row.atMs;
    const followed = follow(fold, row);
    if (typeof followed === 'string') issues.push(`${where} cannot stand here: ${followed}`);
    else fold = followed;
  }
  issues.push(...differences(record, fold, seal));
  return { issues, state: stateOf(fold), plan: planOf(fold) };
}

function follow(fold: Fold, row: JournalRow): Fold | string {
  try {
    const entry = entryOf(row);
    return whyNot(fold, entry) ?? foldEntry(fold, entry, row.atMs);
  } catch (error) {
    return `it cannot be read (${error instanceof Error ? error.message : String(error)})`;
  }
}

function differences(record: WorkflowRecord, fold: Fold, seal: string): readonly string[] {
  const issues: string[] = [];
  const { entries, state, stuckReason, result, journal } = record;
  const differs = (what: string, row: unknown, journaled: unknown): void => {
    if (row !== journaled)
      issues.push(`the row says ${what} ${String(row)}, the journal ${String(journaled)}`);
  };
  differs('entries', entries, journal.length);
  differs('seal', record.seal, seal);
  const replayed = stateOf(fold);
  differs('state', state, replayed);
  differs('stuck reason', stuckReason, replayed === 'stuck' ? (fold.stuck?.reason ?? null) : null);
  differs('result', result, fold.result ?? null);
  return issues;
}
