import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import {
  conditionColumns,
  type ConditionParts,
  conditionParts,
  type ConditionRow,
  leaseJoin,
  START_LATE_MS,
} from '../schedule/schedules-sql.ts';
import { approvalLeft } from '../window.ts';

/** A run, as shown to operators. */
export interface RunView {
  readonly id: string;
  readonly cause: string;
  readonly actor: string | null;
  readonly state: 'running' | 'completed' | 'interrupted' | 'failed' | 'skipped';
  readonly dueAt: Date | null;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly resumed: number;
  readonly missed: number;
  readonly overrun: number;
  readonly keys: number;
  readonly unknown: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly holder: string | null;
  readonly reason: string | null;
}

const columns = `id::text, cause, actor, state, due_at as "dueAt", started_at as "startedAt", ended_at as "endedAt", resumed, missed,
  overrun, keys::float8 as keys, unknown::float8 as unknown, outcomes, holder, reason`;

// `id` alone would be the text that is returned: 9 after 10.
/** Lists runs of a reconciler, the newest first, by the index. */
export async function listRuns(
  executor: Executor,
  reconciler: string,
  limit: number,
): Promise<readonly RunView[]> {
  const { rows } = await executor.query<RunView>(
    `select ${columns} from converge.reconcile_run where reconciler = $1 order by reconcile_run.id desc limit $2`,
    [reconciler, limit],
  );
  return rows;
}

/** The state of a reconciler in the database that it repairs. */
export interface ReconcilerStatus extends ConditionParts {
  readonly name: string;
  readonly now: Date;
  readonly lastCompletedAt: Date | null;
  /** Repairs that wait for an approval. */
  readonly held: { readonly at: Date; readonly reason: string } | null;
  /** An approval that is not used up: the repairs that are left of it. */
  readonly approved: {
    readonly repairs: number;
    /** The keys that it is for, and that were not repaired yet; null = any key. */
    readonly keys: readonly string[] | null;
    readonly until: Date | null;
    readonly by: string;
    readonly reason: string;
  } | null;
  /** The repairs of the present window, and the keys of the last run: the limits are shares of these. */
  readonly window: { readonly since: Date; readonly repairs: number; readonly lastRunKeys: number };
  readonly keys: {
    /** Due, or due later without a known drift. */
    readonly queued: number;
    /** Queued with a drift that is not repaired yet. */
    readonly pending: number;
    readonly running: number;
    readonly terminal: number;
  };
}

type Row = Pick<ReconcilerStatus, 'name' | 'now' | 'lastCompletedAt'> &
  ConditionRow &
  ReconcilerStatus['window'] &
  ReconcilerStatus['keys'] & {
    readonly held_at: Date | null;
    readonly held_reason: string;
    readonly approved: number;
    readonly approved_keys: readonly string[] | null;
    readonly approved_until: Date | null;
    readonly approved_by: string | null;
    readonly approved_reason: string | null;
  };

// For operators: it counts the keys of each reconciler that has any.
const statusSql = `
  select r.name, clock_timestamp() as now, r.last_run_at as "lastCompletedAt", r.held_at, r.held_reason,
         case when ${approvalLeft} then r.approved else 0 end::int as approved, r.approved_keys,
         r.approved_until, r.approved_by, r.approved_reason,
         r.window_started_at as since, r.window_repairs::float8 as repairs, r.last_run_keys::float8 as "lastRunKeys",
         ${conditionColumns('$2::float8')}, k.*
    from converge.reconciler r
    ${leaseJoin}
    cross join lateral (
      select count(*) filter (where state = 'queued' and drift_hash is null)::int as queued,
             count(*) filter (where state = 'queued' and drift_hash is not null)::int as pending,
             count(*) filter (where state = 'running')::int as running,
             count(*) filter (where state = 'terminal')::int as terminal
        from converge.reconcile_key where reconciler = r.name) k
   where $1::text is null or r.name = $1
   order by r.name`;

/** Reads the state of one reconciler, or of all that this database knows; none where it lacks the tables. */
export async function readStatus(
  executor: Executor,
  reconciler?: string,
): Promise<readonly ReconcilerStatus[]> {
  if (!(await hasTables(executor, 'converge.reconciler'))) return [];
  const { rows } = await executor.query<Row>(statusSql, [reconciler ?? null, START_LATE_MS]);
  return rows.map((row) => {
    const { name, now, lastCompletedAt, held_at: heldAt } = row;
    const { since, repairs, lastRunKeys, queued, pending, running, terminal } = row;
    return {
      name,
      now,
      lastCompletedAt,
      ...conditionParts(row),
      held: heldAt === null ? null : { at: heldAt, reason: row.held_reason },
      approved: approvalOf(row),
      window: { since, repairs, lastRunKeys },
      keys: { queued, pending, running, terminal },
    };
  });
}

function approvalOf(
  row: Pick<Row, 'approved' | 'approved_keys' | 'approved_until' | 'approved_by' | 'approved_reason'>,
): ReconcilerStatus['approved'] {
  const { approved: repairs, approved_until: until, approved_by: by, approved_reason: reason } = row;
  if (repairs === 0) return null;
  return { repairs, keys: row.approved_keys, until, by: by ?? 'unknown', reason: reason ?? '' };
}
