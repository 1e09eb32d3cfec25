import type { CheckedJournals } from '../../effects/journal/check-journal.ts';
import { runPages } from '../../effects/journal/runs-sql.ts';
import type { Executor } from '@convergekit/postgres';
import { SagaError } from '../../errors.ts';
import { readWorkflow } from './workflow-sql.ts';
import { verifyWorkflow } from '../verify.ts';

/** Replays the journals of all workflows of a database, or of those with this id, against their rows. */
export async function* verifyWorkflows(executor: Executor, id?: string): AsyncGenerator<CheckedJournals> {
  for await (const runs of runPages(executor, 'workflow', id))
    for (const { name, id: one } of runs) {
      const record = await readWorkflow(executor, name, one).catch(gone);
      if (record !== undefined)
        yield { journals: 1, rows: record.journal.length, findings: verifyWorkflow(record).findings };
    }
}

/** Ignores a workflow that ended long ago and was deleted meanwhile. */
function gone(error: unknown): undefined {
  if (error instanceof SagaError && error.code === 'WORKFLOW_NOT_FOUND') return undefined;
  throw error;
}
