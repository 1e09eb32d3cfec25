import type { Executor } from '@convergekit/postgres';
import type { EntryRow, WorkflowState, WorkflowStuckReason } from './entry.ts';

/** A workflow's name and id. */
export interface WorkflowKey {
  readonly workflow: string;
  readonly id: string;
}

/** The owner of a journal, and the lease. */
export interface Held extends WorkflowKey {
  readonly term: string;
}

export interface Appending extends Held {
  /** The length of the journal so far. */
  readonly entries: number;
  readonly rows: readonly EntryRow[];
  readonly state: WorkflowState;
  readonly stuckReason: WorkflowStuckReason | null;
  readonly result: string | null;
  /** The milliseconds that the row stays held or, with `release`, until a worker takes it; null: none does. */
  readonly dueInMs: number | null;
  readonly release: boolean;
}

/**
 * Writes state and journal in one statement, under the lease's term. A later claim has a higher term, and the older
 * holder can write no more. The row is found by the primary key and locked until the transaction ends; entries are
 * written behind the journal's end. A write that has no entries only prolongs the lease, or gives it back.
 */
export const appendSql = `
  with held as (
    update converge.workflow set
      state = $5, stuck_reason = $6, result = coalesce($7, result), entries = entries + cardinality($10::text[]),
      due_at = clock_timestamp() + $8::float8 * interval '1 millisecond',
      holder = case when $9 then null else holder end,
      ended_at = case when $5 in ('completed', 'compensated') then clock_timestamp() end
    where workflow = $1 and id = $2 and term = $3 and entries = $4
    returning clock_timestamp() as at),
  added as (
    insert into converge.workflow_step (workflow, id, seq, kind, step, path, data, term)
    select $1, $2, $4 + entry.n, entry.kind, entry.step, entry.path, entry.data, $3
      from held, unnest($10::text[], $11::int[], $12::text[], $13::text[])
        with ordinality as entry(kind, step, path, data, n))
  select extract(epoch from at) * 1000 as at_ms from held`;

/** Returns the database's time at which it was written; undefined when another process holds the lease. */
export async function append(executor: Executor, wanted: Appending): Promise<number | undefined> {
  const { workflow, id, term, entries, state, stuckReason, result, dueInMs, release } = wanted;
  const row = [workflow, id, term, entries, state, stuckReason, result, dueInMs, release];
  const added = (['kind', 'step', 'path', 'data'] as const).map((of) => wanted.rows.map((one) => one[of]));
  const { rows } = await executor.query<{ at_ms: string }>(appendSql, [...row, ...added]);
  return rows[0] === undefined ? undefined : Number(rows[0].at_ms);
}

export interface JournalRow extends EntryRow {
  readonly seq: number;
  readonly atMs: number;
}

/** Reads by the primary key, in the order of the journal. */
export const journalSql = `
  select seq, kind, step, path, data, extract(epoch from at) * 1000 as at_ms
    from converge.workflow_step where workflow = $1 and id = $2 order by seq`;

export async function readJournal(executor: Executor, of: WorkflowKey): Promise<readonly JournalRow[]> {
  const key = [of.workflow, of.id];
  const { rows } = await executor.query<Omit<JournalRow, 'atMs'> & { at_ms: string }>(journalSql, key);
  return rows.map(({ at_ms, ...row }) => ({ ...row, atMs: Number(at_ms) }));
}
