import type { Executor } from '@convergekit/postgres';
import { recordActSql } from '@convergekit/postgres/operate';

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

// One statement: the approval and its audit row. The window counts from the end of the approval, with its repairs spent: the next
// repair is held again.
const approveSql = `
  with before as (
    select name, held_reason from converge.reconciler where name = $1 and held_at is not null for update
  ), approved as (
    update converge.reconciler r set held_at = null, held_reason = null, approved = $2, approved_keys = $6,
      approved_until = clock_timestamp() + $3::float8 * interval '1 millisecond',
      approved_by = $4, approved_reason = $5
    from before where r.name = before.name
    returning r.name, r.approved_until, before.held_reason
  )
  select approved_until as until, held_reason as held, ${recordActSql('reconcile approve', {
    subject: 'name',
    by: '$4',
    reason: '$5',
    before: `jsonb_build_object('held', held_reason)`,
    after: `jsonb_build_object('repairs', $2::bigint, 'keys', to_jsonb($6::text[]), 'until', approved_until)`,
  })} as id
    from approved`;

/** Keys that wait with a drift are looked at now: all of them, or those that are named. */
const dueNowSql = `
  update converge.reconcile_key set next_at = clock_timestamp()
   where reconciler = $1 and state = 'queued' and drift_hash is not null and ($2::text[] is null or key = any ($2))`;

/** An operator's approval of held repairs: how many, until when, by whom and why. */
interface Approval {
  readonly reconciler: string;
  /** The keys that may be repaired, each once; no other key is until the approval ends. @default any key */
  readonly keys?: readonly string[] | undefined;
  /** The cap: this number of repairs is made, and the next one is held again. With keys it is their number at most. */
  readonly repairs: number;
  /** The approval ends after this time, in milliseconds; repairs that are left of it are then not made. */
  readonly forMs: number;
  readonly by: string;
  readonly reason: string;
}

interface Approved {
  readonly until: Date;
  /** Why the repairs were held. */
  readonly held: string;
}

/**
 * Approves held repairs, with an audit row, and makes waiting keys due now. null = nothing was held.
 * It replaces an earlier approval.
 */
export async function approveRepairs(executor: Executor, approval: Approval): Promise<Approved | null> {
  const { reconciler, repairs, forMs, by, reason, keys = null } = approval;
  const { rows } = await executor.query<{ until: Date; held: string }>(approveSql, [
    reconciler,
    keys === null ? repairs : Math.min(repairs, new Set(keys).size),
    forMs,
    by,
    reason,
    keys,
  ]);
  const [approved] = rows;
  if (approved === undefined) return null;
  await executor.query(dueNowSql, [reconciler, keys]);
  return { until: approved.until, held: approved.held };
}
