import { messageOf } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { type CheckedJournals, checkJournal, type Finding } from '../calls/journal/check-journal.ts';
import { runPages } from '../calls/journal/runs-sql.ts';
import { SagaError } from '../errors.ts';
import { entryOf, type WorkflowState } from './entry.ts';
import { emptyFold, type Fold, foldEntry, stateOf } from './fold.ts';
import type { JournalRow } from './journal-sql.ts';
import { type PlannedMove, planOf } from './plan.ts';
import { whyNot } from './rules.ts';
import { readWorkflow, type WorkflowRecord } from './workflow-sql.ts';

interface WorkflowVerdict {
  /** Empty when journal and state agree. */
  readonly findings: readonly Finding[];
  /** What the journal comes to, as far as it could be followed. */
  readonly state: WorkflowState;
  /** The steps that are undone, or would be, in the order of the undo. */
  readonly plan: readonly PlannedMove[];
}

/** Replays the journals of all workflows of a database, or of those with this id, against their rows. */
export async function* verifyWorkflows(executor: Executor, id?: string): AsyncGenerator<CheckedJournals> {
  for await (const runs of runPages(executor, 'workflow', id))
    for (const { name, id: one } of runs) {
      const record = await readWorkflow(executor, { workflow: name, id: one }).catch(gone);
      if (record !== undefined)
        yield { journals: 1, rows: record.journal.length, findings: verifyWorkflow(record).findings };
    }
}

/** Ignores a workflow that ended long ago and was deleted meanwhile. */
function gone(error: unknown): undefined {
  if (error instanceof SagaError && error.code === 'WORKFLOW_NOT_FOUND') return undefined;
  throw error;
}

/** A workflow as it stands, and what the replay of its journal says of it. */
interface InspectedWorkflow extends Pick<WorkflowVerdict, 'findings' | 'plan'> {
  readonly record: WorkflowRecord;
}

/** Reads a workflow and replays its journal. Throws WORKFLOW_NOT_FOUND. */
export async function inspectWorkflow(
  executor: Executor,
  workflow: string,
  id: string,
): Promise<InspectedWorkflow> {
  const record = await readWorkflow(executor, { workflow, id });
  const { findings, plan } = verifyWorkflow(record);
  return { record, findings, plan };
}

interface Replayed {
  readonly fold: Fold;
  readonly atMs: number;
}

/**
 * Pure: replays a journal and compares what it comes to with what the row says. Beside what was changed, added or left out it finds
 * an entry that cannot follow those before it: an effect without an intent, an undo
 * out of order or twice, an end before everything is undone.
 */
export function verifyWorkflow(record: WorkflowRecord): WorkflowVerdict {
  const { workflow, id, journal, entries, state, stuckReason, result } = record;
  const checked = checkJournal<JournalRow, Replayed>({
    of: { kind: 'workflow', name: workflow, id },
    rows: journal,
    start: { state: { fold: emptyFold, atMs: 0 }, seq: 0 },
    follow,
    record: { rows: entries, says: { state, 'stuck reason': stuckReason, result } },
    summary: ({ fold }) => ({
      state: stateOf(fold),
      'stuck reason': stateOf(fold) === 'stuck' ? (fold.stuck?.reason ?? null) : null,
      result: fold.result ?? null,
    }),
  });
  const { fold } = checked.state;
  return { findings: checked.findings, state: stateOf(fold), plan: planOf(fold) };
}

function follow(
  { fold, atMs }: Replayed,
  row: JournalRow,
): { readonly state: Replayed; readonly wrong: readonly string[] } {
  const wrong = row.atMs < atMs ? ['it is older than the row before it'] : [];
  const stays = { fold, atMs: row.atMs };
  try {
    const entry = entryOf(row);
    const why = whyNot(fold, entry);
    if (why === undefined)
      return { state: { fold: foldEntry(fold, entry, row.atMs), atMs: row.atMs }, wrong };
    return { state: stays, wrong: [...wrong, `${row.kind} ${row.path}: ${why}`] };
  } catch (error) {
    const why = messageOf(error);
    return { state: stays, wrong: [...wrong, `it cannot be read (${why})`] };
  }
}
