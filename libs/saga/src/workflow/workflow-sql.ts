import type { Executor } from '@convergekit/postgres';
import { endsTooLate } from '@convergekit/postgres/engine';
import { SagaError } from '../errors.ts';
import type { WorkflowState, WorkflowStuckReason } from './entry.ts';
import { type Held, type JournalRow, readJournal, type WorkflowKey } from './journal-sql.ts';
import type { ResolvedWorkflows } from './options.ts';

/** A claimed workflow, in the state at its claim. */
export interface ClaimedWorkflow extends Held {
  readonly input: string;
  readonly entries: number;
  /** The database's clock at the claim, milliseconds since 1970. */
  readonly nowMs: number;
}

/** The process that claims, and the time until its first write. */
type Holder = Pick<ResolvedWorkflows, 'database' | 'holder' | 'idleMs'>;

const claimed = `returning one.workflow, one.id, one.term, one.input, one.entries,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"`;

async function claims<Claimed extends ClaimedWorkflow>(
  executor: Executor,
  sql: string,
  values: readonly unknown[],
): Promise<readonly Claimed[]> {
  return (await executor.query<Claimed>(sql, values)).rows;
}

/** Begins a workflow, unless one of this id exists: then no row is returned or changed. */
export const openSql = `
  insert into converge.workflow as one (workflow, id, input, holder, due_at)
  values ($1, $2, $3, $4, clock_timestamp() + $5::float8 * interval '1 millisecond')
  on conflict (workflow, id) do nothing ${claimed}`;

export async function openWorkflow(
  { database, holder, idleMs }: Holder,
  { workflow, id, input }: WorkflowKey & Pick<ClaimedWorkflow, 'input'>,
): Promise<ClaimedWorkflow | undefined> {
  return (await claims(database.executor, openSql, [workflow, id, input, holder, idleMs]))[0];
}

// The lease is committed before anything is done. A lease that has ended makes the row due again: `due_at` is both, and
// workflow_due finds both. All times are the database's.
const claimSql = (which: string): string => `
  update converge.workflow one set holder = $1, term = one.term + 1,
    due_at = clock_timestamp() + $2::float8 * interval '1 millisecond'
  where ${which} ${claimed}`;

// SKIP LOCKED: workers pass each other.
const claimDueSql = claimSql(`(one.workflow, one.id) in (
    select workflow, id from converge.workflow
     where workflow = any ($3::text[]) and due_at <= clock_timestamp()
     order by due_at limit $4 for update skip locked)`);

/** Takes what is due of the declared workflows, the oldest first. */
export function claimWorkflows(
  { database, holder, idleMs, workflows }: Holder & Pick<ResolvedWorkflows, 'workflows'>,
  places: number,
): Promise<readonly ClaimedWorkflow[]> {
  return claims(database.executor, claimDueSql, [holder, idleMs, [...workflows.keys()], places]);
}

// The search is a range of workflow_due, which is empty unless the clock was set back.
const rescheduleSql = `
  update converge.workflow set
    due_at = clock_timestamp() + case when holder is null then 0 else $2::float8 end * interval '1 millisecond'
   where (workflow, id) in (
     select workflow, id from converge.workflow
      where workflow = any ($1::text[]) and ${endsTooLate('due_at', '$2')} for update skip locked)`;

/** Makes workflows due that are due later than any can be: what is held after `longestMs`, and the rest at once. */
export async function rescheduleWorkflows(
  executor: Executor,
  workflows: readonly string[],
  longestMs: number,
): Promise<void> {
  await executor.query(rescheduleSql, [workflows, longestMs]);
}

export const claimOneSql = claimSql(`one.workflow = $3 and one.id = $4 and one.due_at <= clock_timestamp()`);

/** Claims one workflow for a caller that runs it again. Undefined when it is not due. */
export async function claimWorkflow(
  { database, holder, idleMs }: Holder,
  { workflow, id }: WorkflowKey,
): Promise<ClaimedWorkflow | undefined> {
  return (await claims(database.executor, claimOneSql, [holder, idleMs, workflow, id]))[0];
}

// The row's lock keeps workers away while an operator decides. A higher term fences a worker that still believes it
// holds the row.
const takeSql = `
  update converge.workflow one set term = one.term + 1
  where one.workflow = $1 and one.id = $2 and (one.holder is null or one.due_at <= clock_timestamp())
  ${claimed}, one.holder is null and coalesce(one.due_at <= clock_timestamp(), false) as "isDue"`;

/** A workflow that an operator decides about. */
export interface TakenWorkflow extends ClaimedWorkflow {
  /** True when any worker would claim it now. */
  readonly isDue: boolean;
}

/** Takes one workflow for an operator, until the transaction ends. Undefined: a process holds it, or there is none. */
export async function takeWorkflow(tx: Executor, of: WorkflowKey): Promise<TakenWorkflow | undefined> {
  return (await claims<TakenWorkflow>(tx, takeSql, [of.workflow, of.id]))[0];
}

/** A workflow as its row has it. */
interface WorkflowRow extends WorkflowKey {
  readonly input: string;
  readonly state: WorkflowState;
  readonly stuckReason: WorkflowStuckReason | null;
  readonly result: string | null;
  readonly entries: number;
}

export const rowSql = `
  select workflow, id, input, state, stuck_reason as "stuckReason", result, entries
    from converge.workflow where workflow = $1 and id = $2`;

export async function readWorkflowRow(executor: Executor, of: WorkflowKey): Promise<WorkflowRow | undefined> {
  return (await executor.query<WorkflowRow>(rowSql, [of.workflow, of.id])).rows[0];
}

/** A workflow, with its row and its journal. */
export interface WorkflowRecord extends WorkflowRow {
  readonly journal: readonly JournalRow[];
}

/** Row and journal, as one statement sees them where the caller's transaction says so. Throws WORKFLOW_NOT_FOUND. */
export async function readWorkflow(executor: Executor, of: WorkflowKey): Promise<WorkflowRecord> {
  const row = await readWorkflowRow(executor, of);
  if (row === undefined)
    throw new SagaError(
      'WORKFLOW_NOT_FOUND',
      `this database has no workflow ${of.workflow} ${of.id}: \`converge workflow list\` shows what there is`,
      { category: 'data' },
    );
  const journal = await readJournal(executor, of);
  // Entries that came between the two statements are none of this row's.
  return { ...row, journal: journal.filter(({ seq }, index) => index < row.entries || seq <= row.entries) };
}

/** A workflow, as shown to operators. Times are the database's. */
interface WorkflowView extends Omit<WorkflowRow, 'input' | 'result'> {
  readonly holder: string | null;
  readonly dueAt: Date | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

interface WorkflowFilter {
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

// Deletes ended workflows by their index, with their journals, at most 200.
const forgetSql = 'select converge.workflow_forget($1) as count';

/** Deletes workflows that ended longer than `keepMs` ago, a day at least. Returns how many; ids may be reused. */
export async function forgetWorkflows(executor: Executor, keepMs: number): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const { rows } = await executor.query<{ count: string }>(forgetSql, [keepMs]);
    const count = Number(rows[0]?.count);
    forgotten += count;
    if (count < 200) return forgotten;
  }
}
