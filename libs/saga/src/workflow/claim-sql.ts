import type { Executor } from '@convergekit/postgres';
import type { WorkflowState } from './entry.ts';
import type { Held } from './journal-sql.ts';

/** A claimed workflow, in the state at its claim. */
export interface ClaimedWorkflow extends Held {
  readonly input: string;
  readonly entries: number;
  /** The database's clock at the claim, milliseconds since 1970. */
  readonly nowMs: number;
}

interface ClaimRow {
  readonly workflow: string;
  readonly id: string;
  readonly term: string;
  readonly input: string;
  readonly entries: number;
  readonly now_ms: string;
}

const claimed = `returning one.workflow, one.id, one.term, one.input, one.entries,
    extract(epoch from clock_timestamp()) * 1000 as now_ms`;

/**
 * Begins a workflow, unless one of this id exists: then no row is returned or changed. The cost is one index entry; the
 * insert waits only for another transaction that begins the same workflow.
 */
export const openSql = `
  insert into converge.workflow as one (workflow, id, input, holder, due_at)
  values ($1, $2, $3, $4, clock_timestamp() + $5::float8 * interval '1 millisecond')
  on conflict (workflow, id) do nothing ${claimed}`;

export async function openWorkflow(
  executor: Executor,
  { workflow, id, input }: { readonly workflow: string; readonly id: string; readonly input: string },
  holder: string,
  leaseMs: number,
): Promise<ClaimedWorkflow | undefined> {
  const { rows } = await executor.query<ClaimRow>(openSql, [workflow, id, input, holder, leaseMs]);
  return rows.map(claimOf)[0];
}

/**
 * Takes what is due of the declared workflows, the oldest first. The lease is committed before anything is done. A lease
 * that has ended makes the row due again: `due_at` is both, and workflow_due finds both. SKIP LOCKED: workers pass
 * each other. All times are the database's.
 */
export const claimSql = `
  update converge.workflow one set holder = $1, term = one.term + 1,
    due_at = clock_timestamp() + $4::float8 * interval '1 millisecond'
  where (one.workflow, one.id) in (
    select workflow, id from converge.workflow
     where workflow = any ($2::text[]) and due_at <= clock_timestamp()
     order by due_at limit $3 for update skip locked) ${claimed}`;

export async function claimWorkflows(
  executor: Executor,
  holder: string,
  workflows: readonly string[],
  places: number,
  leaseMs: number,
): Promise<readonly ClaimedWorkflow[]> {
  const { rows } = await executor.query<ClaimRow>(claimSql, [holder, workflows, places, leaseMs]);
  return rows.map(claimOf);
}

/** Claims one workflow for a caller that runs it again. Undefined when it is not due. */
export const claimOneSql = `
  update converge.workflow one set holder = $1, term = one.term + 1,
    due_at = clock_timestamp() + $4::float8 * interval '1 millisecond'
  where one.workflow = $2 and one.id = $3 and one.due_at <= clock_timestamp() ${claimed}`;

export async function claimWorkflow(
  executor: Executor,
  holder: string,
  workflow: string,
  id: string,
  leaseMs: number,
): Promise<ClaimedWorkflow | undefined> {
  const { rows } = await executor.query<ClaimRow>(claimOneSql, [holder, workflow, id, leaseMs]);
  return rows.map(claimOf)[0];
}

function claimOf({ now_ms, ...row }: ClaimRow): ClaimedWorkflow {
  return { ...row, nowMs: Number(now_ms) };
}

export interface WorkflowRow {
  readonly state: WorkflowState;
  readonly input: string;
  readonly result: string | null;
}

export const stackSql = 'select state, input, result from converge.workflow where workflow = $1 and id = $2';

export async function readWorkflowRow(
  executor: Executor,
  workflow: string,
  id: string,
): Promise<WorkflowRow | undefined> {
  const { rows } = await executor.query<WorkflowRow>(stackSql, [workflow, id]);
  return rows[0];
}
