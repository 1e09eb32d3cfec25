import type { Executor } from '@convergekit/postgres';
import { namesSql } from '@convergekit/effects/engine';
import { WorkflowError } from '../errors.ts';
import { readWorkflow } from './workflow-sql.ts';
import { type WorkflowRecord, type WorkflowVerdict, verifyWorkflow } from '../verify.ts';

const PAGE = 500;

// By the primary key, page by page; one id under each name of a workflow that there is.
const pageSql = `
  select workflow, id from converge.workflow where (workflow, id) > ($1, $2) order by workflow, id limit ${PAGE}`;
const oneSql = `
  select workflow, id from converge.workflow where id = $1 and workflow = any (array(${namesSql('workflow')}))`;

type Named = Pick<WorkflowRecord, 'workflow' | 'id'>;

/** Replays the journals of all workflows of a database, or of those with this id, against their rows. */
export async function* verifyWorkflows(
  executor: Executor,
  id?: string,
): AsyncGenerator<Named & Pick<WorkflowVerdict, 'issues'>> {
  for await (const named of id === undefined
    ? all(executor)
    : (await executor.query<Named>(oneSql, [id])).rows) {
    const record = await readWorkflow(executor, named.workflow, named.id).catch(gone);
    if (record !== undefined) yield { ...named, issues: verifyWorkflow(record).issues };
  }
}

async function* all(executor: Executor): AsyncGenerator<Named> {
  let after: Named = { workflow: '', id: '' };
  for (;;) {
    const { rows } = await executor.query<Named>(pageSql, [after.workflow, after.id]);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last;
  }
}

/** One that ended long ago may be forgotten meanwhile. */
function gone(error: unknown): undefined {
  if (error instanceof WorkflowError && error.code === 'WORKFLOW_NOT_FOUND') return undefined;
  throw error;
}
