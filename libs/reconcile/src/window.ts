import type { Executor } from '@convergekit/postgres';

/** The state of a reconciler, by the database's clock. */
export interface ReconcilerState {
  readonly now: Date;
  readonly lastRunAt: Date | null;
  readonly lastRunKeys: number;
  readonly held: string | null;
}

const stateSql = `
  select clock_timestamp() as now, last_run_at, last_run_keys, held_reason
    from converge.reconciler where name = $1`;

interface Row {
  readonly now: Date;
  readonly last_run_at: Date | null;
  readonly last_run_keys: string;
  readonly held_reason: string | null;
}

export async function readState(executor: Executor, reconciler: string): Promise<ReconcilerState> {
  for (;;) {
    const { rows } = await executor.query<Row>(stateSql, [reconciler]);
    const [row] = rows;
    if (row !== undefined)
      return {
        now: row.now,
        lastRunAt: row.last_run_at,
        lastRunKeys: Number(row.last_run_keys),
        held: row.held_reason,
      };
    // The row is inserted only if absent: an upsert would make every reader wait for repairs that hold the row.
    await executor.query('insert into converge.reconciler (name) values ($1) on conflict do nothing', [
      reconciler,
    ]);
  }
}

// A run opens a new window, unless repairs are held: then only an operator does. Otherwise an empty desired set would be
// repaired two percent at a time.
const runEndedSql = `
  update converge.reconciler set
    last_run_at = $2, last_run_ended_at = clock_timestamp(), last_run_keys = $3,
    window_started_at = case when held_at is null then clock_timestamp() else window_started_at end,
    window_repairs = case when held_at is null then 0 else window_repairs end
  where name = $1`;

export async function recordRun(
  executor: Executor,
  run: { reconciler: string; startedAt: Date; keys: number },
): Promise<void> {
  await executor.query(runEndedSql, [run.reconciler, run.startedAt, run.keys]);
}

// The row lock serialises concurrent repairs of one reconciler. It is taken as late as possible in the repair's transaction,
// and is released with it. Only columns of the locked row are compared: a transaction that waited for the lock compares
// again with the row's newest version.
const expired = `window_started_at < clock_timestamp() - $3 * interval '1 millisecond'`;
const withinWindow = `(${expired} or window_repairs < $2)`;
const spendSql = `
  update converge.reconciler set
    approved = case when ${withinWindow} then approved else approved - 1 end,
    window_repairs = case when ${expired} then least(1, $2) when ${withinWindow} then window_repairs + 1 else window_repairs end,
    window_started_at = case when ${expired} then clock_timestamp() else window_started_at end
  where name = $1 and held_at is null and ($2 > 0 and ${withinWindow} or approved > 0)`;

/** Takes a repair from the window, else from those an operator approved; false = none is left, or held. */
export async function spendRepair(
  tx: Executor,
  { reconciler, allowed, windowMs }: { reconciler: string; allowed: number; windowMs: number },
): Promise<boolean> {
  return (await tx.query(spendSql, [reconciler, allowed, windowMs])).rowCount === 1;
}

export async function holdRepairs(executor: Executor, reconciler: string, reason: string): Promise<boolean> {
  const text = `update converge.reconciler set held_at = clock_timestamp(), held_reason = $2 where name = $1 and held_at is null`;
  return (await executor.query(text, [reconciler, reason])).rowCount === 1;
}

/**
 * Approves held repairs for an operator, in a new window. false = nothing was held.
 * `extra` repairs may exceed the limits of this and later windows until they are used up, and waiting keys are due now.
 */
export async function approveRepairs(executor: Executor, reconciler: string, extra = 0): Promise<boolean> {
  const { rowCount } = await executor.query(
    `update converge.reconciler set held_at = null, held_reason = null, window_started_at = clock_timestamp(),
       window_repairs = 0, approved = approved + $2 where name = $1 and held_at is not null`,
    [reconciler, extra],
  );
  if (rowCount === 0) return false;
  await executor.query(
    `update converge.reconcile_key set next_at = clock_timestamp()
      where reconciler = $1 and state = 'queued' and drift_hash is not null`,
    [reconciler],
  );
  return true;
}
