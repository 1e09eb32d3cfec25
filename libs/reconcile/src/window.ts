import type { Executor } from '@convergekit/postgres';

/** What the guards of a repair need to know of its reconciler. */
export interface ReconcilerState {
  readonly lastRunKeys: number;
  readonly held: string | null;
}

const stateSql = `
  select last_run_keys::float8 as "lastRunKeys", held_reason as held from converge.reconciler where name = $1`;

export async function readState(executor: Executor, reconciler: string): Promise<ReconcilerState> {
  for (;;) {
    const [state] = (await executor.query<ReconcilerState>(stateSql, [reconciler])).rows;
    if (state !== undefined) return state;
    await insertReconciler(executor, reconciler);
  }
}

/** Inserts the row of a reconciler only if it is absent: an upsert would make every reader wait for repairs that hold it. */
export async function insertReconciler(executor: Executor, reconciler: string): Promise<void> {
  await executor.query('insert into converge.reconciler (name) values ($1) on conflict do nothing', [
    reconciler,
  ]);
}

// While an approval has repairs left, only these are spent: the operator's number is the cap.
export const approvalLeft = `(approved > 0 and (approved_until is null or approved_until > clock_timestamp()))`;

// A run opens no window: a schedule of seconds would repair an empty desired set two percent at a time.
const runEndedSql = `
  update converge.reconciler set last_run_at = $2, last_run_ended_at = clock_timestamp(), last_run_keys = $3
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
// The window counts on from the end of an approval, with its repairs spent: what waits then is held again.
const expired = `greatest(window_started_at, approved_until) < clock_timestamp() - $3 * interval '1 millisecond'`;
const withinWindow = `(${expired} or window_repairs < $2)`;
// An approval of named keys is spent on these alone, on each of them once; until it ends, no other key is repaired.
const mayRepair = `
  case when ${approvalLeft} then approved_keys is null or $4::text = any (approved_keys) else $2 > 0 and ${withinWindow} end`;
// With the last of the named keys the others are held again; the next window would repair them otherwise.
const othersWait = `
  ${approvalLeft} and approved = 1 and approved_keys is not null and exists (select from converge.reconcile_key k
    where k.reconciler = $1 and k.state in ('queued', 'running') and k.drift_hash is not null and k.key <> $4::text)`;
const spendSql = `
  update converge.reconciler set
    approved = case when ${approvalLeft} then approved - 1 else 0 end,
    approved_keys = array_remove(approved_keys, $4::text),
    approved_until = case when ${approvalLeft} and approved = 1 then clock_timestamp() else approved_until end,
    held_at = case when ${othersWait} then clock_timestamp() end,
    held_reason = case when ${othersWait} then 'the keys of an approval are repaired, and others wait with a drift' end,
    window_repairs = case when ${approvalLeft} then window_repairs when ${expired} then 1 else window_repairs + 1 end,
    window_started_at = case when not ${approvalLeft} and ${expired} then clock_timestamp() else window_started_at end
  where name = $1 and held_at is null and ${mayRepair}`;

/** Takes a repair from those that an operator approved, else from the window; false = none is left, or held. */
export async function spendRepair(
  tx: Executor,
  {
    reconciler,
    key,
    allowed,
    windowMs,
  }: { reconciler: string; key: string; allowed: number; windowMs: number },
): Promise<boolean> {
  return (await tx.query(spendSql, [reconciler, allowed, windowMs, key])).rowCount === 1;
}

// A key that is not among the approved ones waits; it does not end the approval of the others.
const holdSql = `
  update converge.reconciler set held_at = clock_timestamp(), held_reason = $2
   where name = $1 and held_at is null and not (${approvalLeft} and approved_keys is not null)`;

export async function holdRepairs(executor: Executor, reconciler: string, reason: string): Promise<boolean> {
  return (await executor.query(holdSql, [reconciler, reason])).rowCount === 1;
}
