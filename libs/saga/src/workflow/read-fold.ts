import type { Executor } from '@convergekit/postgres';
import type { WorkflowState } from './entry.ts';
import { SagaError } from '../errors.ts';
import { emptyFold, type Fold, foldEntry } from './fold.ts';
import { readWorkflowRow } from './claim-sql.ts';
import { readJournal } from './journal-sql.ts';
import { entryOf } from './entry-row.ts';

/** Reads the state of a workflow, for readers that do not hold it. Throws WORKFLOW_NOT_FOUND. */
export async function readFold(
  executor: Executor,
  workflow: string,
  id: string,
): Promise<{ readonly state: WorkflowState; readonly fold: Fold }> {
  const row = await readWorkflowRow(executor, workflow, id);
  if (row === undefined) throw notFound(workflow, id);
  const rows = await readJournal(executor, workflow, id);
  const fold = rows.reduce((before, one) => foldEntry(before, entryOf(one), one.atMs), emptyFold);
  return { state: row.state, fold };
}

export function notFound(workflow: string, id: string): SagaError {
  return new SagaError(
    'WORKFLOW_NOT_FOUND',
    `this database has no workflow ${workflow} ${id}: \`converge workflow list\` shows what there is`,
    { category: 'data' },
  );
}
