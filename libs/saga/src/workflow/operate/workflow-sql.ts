import type { Executor } from '@convergekit/postgres';
import type { WorkflowState, WorkflowStuckReason } from '../entry.ts';
import { readJournal } from '../journal-sql.ts';
import { notFound } from '../read-fold.ts';
import type { WorkflowRecord } from '../verify.ts';

/** A workflow, as shown to operators. Times are the database's. */
export interface WorkflowView {
  readonly workflow: string;
  readonly id: string;
  readonly state: WorkflowState;
  readonly stuckReason: WorkflowStuckReason | null;
  readonly entries: number;
  readonly holder: string | null;
  readonly dueAt: Date | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

export interface WorkflowFilter {
  readonly states: readonly WorkflowState[];
  readonly workflow?: string | undefined;
  readonly limit: number;
}

/** Lists workflows, oldest first. The list is a scan, for operators. */
export async function listWorkflows(
  executor: Executor,
  filter: WorkflowFilter,
): Promise<readonly WorkflowView[]> {
  const { rows } = await executor.query<WorkflowView>(
    `select workflow, id, state, stuck_reason as "stuckReason", entries, holder, due_at as "dueAt",
            created_at as "createdAt", ended_at as "endedAt"
       from converge.workflow
      where state = any ($1::text[]) and ($2::text is null or workflow = $2) order by created_at limit $3`,
    [filter.states, filter.workflow ?? null, filter.limit],
  );
  return rows;
}

/** Row and journal, as one statement sees them where the caller's transaction says so. Throws WORKFLOW_NOT_FOUND. */
export async function readWorkflow(
  executor: Executor,
  workflow: string,
  id: string,
): Promise<WorkflowRecord> {
  const { rows } = await executor.query<Omit<WorkflowRecord, 'journal'>>(
    `select workflow, id, input, state, stuck_reason as "stuckReason", result, entries
       from converge.workflow where workflow = $1 and id = $2`,
    [workflow, id],
  );
  const [row] = rows;
  if (row === undefined) throw notFound(workflow, id);
  const journal = await readJournal(executor, workflow, id);
  // Entries that came between the two statements are none of this row's.
  return { ...row, journal: journal.filter(({ seq }, index) => index < row.entries || seq <= row.entries) };
}

// The row's lock keeps workers away while an operator decides. A higher term fences a worker that still believes it
// holds the row.
export const takeSql = `
  update converge.workflow one set term = one.term + 1
  where one.workflow = $1 and one.id = $2 and (one.holder is null or one.due_at <= clock_timestamp())
  returning one.workflow, one.id, one.term, one.input, one.entries,
    extract(epoch from clock_timestamp()) * 1000 as "nowMs"`;
