import type { Executor } from '@convergekit/postgres';
import { recordActSql } from '@convergekit/postgres/operate';
import { type AuditRow, auditValues } from './audit/audit-sql.ts';
import type { Claim } from './claim.ts';
import { keyQueue } from './claim-sql.ts';
import type { KeyFinish } from './decide.ts';
import { waitText } from './in-flight/wait.ts';

/** The reason of a run, by urgency: the smaller number goes first. */
export const PRIORITIES = { operator: 0, event: 1, retry: 2, sweep: 3 } as const;
export type Priority = keyof typeof PRIORITIES;

export interface EnqueueRequest {
  readonly reconciler: string;
  readonly keys: readonly string[];
  readonly priority: Priority;
  /** The cause for the audit: `event <id>`, `sweep`, `operator <name>`. */
  readonly cause: string;
  readonly quietMs: number;
  readonly maxWaitMs: number;
}

// Rows are locked in key order, so two reports of the same keys cannot deadlock. Trailing debounce: each report moves the
// run to quietMs from now, but never past maxWaitMs after the first. A sweep neither hurries nor delays a waiting key, and
// skips terminal keys: nothing has changed for them.
const enqueueSql = `
  insert into converge.reconcile_key as k (reconciler, key, state, priority, next_at, window_started_at, cause)
  select $1, listed.key, 'queued', $3, clock_timestamp() + $5 * interval '1 millisecond', clock_timestamp(), $4
    from (select distinct unnest($2::text[]) as key order by 1) as listed
  on conflict (reconciler, key) do update set
    dirty = k.dirty or k.state = 'running',
    state = case k.state when 'running' then 'running' else 'queued' end,
    priority = case k.state when 'queued' then least(k.priority, excluded.priority) else excluded.priority end,
    cause = case when k.state = 'queued' and k.priority < excluded.priority then k.cause else excluded.cause end,
    next_at = case
      when k.state <> 'queued' then excluded.next_at
      when excluded.priority = 3 then k.next_at
      when excluded.priority = 0 or k.window_started_at is null then least(k.next_at, excluded.next_at)
      else least(excluded.next_at, k.window_started_at + $6 * interval '1 millisecond')
    end,
    -- An operator's request lets a key that was given up start again.
    failures = case when k.state = 'terminal' and excluded.priority = 0 then 0 else k.failures end,
    repairs = case when k.state = 'terminal' and excluded.priority = 0 then 0 else k.repairs end,
    window_started_at = case when excluded.priority = 3 then k.window_started_at
      when k.state = 'queued' then coalesce(k.window_started_at, excluded.window_started_at)
      else excluded.window_started_at end,
    updated_at = clock_timestamp()
  where k.state <> 'terminal' or excluded.priority < 3`;

export async function enqueueKeys(executor: Executor, request: EnqueueRequest): Promise<void> {
  const { reconciler, keys, priority, cause, quietMs, maxWaitMs } = request;
  if (keys.length === 0) return;
  const quiet = priority === 'operator' || priority === 'sweep' ? 0 : quietMs;
  await executor.query(enqueueSql, [reconciler, keys, PRIORITIES[priority], cause, quiet, maxWaitMs]);
}

const retrySql = `
  with retried as (${enqueueSql} returning k.key)
  select ${recordActSql('reconcile retry', { subject: '$1', by: '$7', reason: '$8', before: `jsonb_build_object('key', key)` })} from retried`;

/**
 * Queues keys before all others for an operator, also those that were given up, with one row each in the audit of
 * operators.
 */
export async function retryKeys(
  executor: Executor,
  reconciler: string,
  keys: readonly string[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<void> {
  if (keys.length === 0) return;
  const cause = `operator ${actor}: ${reason}`;
  await executor.query(retrySql, [reconciler, keys, PRIORITIES.operator, cause, 0, 0, actor, reason]);
}

// A holder that finishes right now is not late. The interruption counts as a failure, so that a key that kills its worker
// backs off, too.
const rescueSql = keyQueue.change(
  keyQueue.pick(`one.reconciler = $1 and state = 'running' and leased_until <= clock_timestamp()`),
  `state = 'queued', priority = 2, failures = failures + 1, reason = 'its worker did not come back',
    next_at = clock_timestamp() + least(60000, 500 * power(2, least(failures, 10))) * interval '1 millisecond' * random(),
    holder = null, leased_until = null, updated_at = clock_timestamp()`,
);

/** Requeues keys whose worker's lease has expired. Returns their number. */
export async function requeueExpired(executor: Executor, reconciler: string): Promise<number> {
  return (await executor.query(rescueSql, [reconciler])).rowCount;
}

// A key that was reported during its run is run again; after a failure the retry is that run.
const finishSql = `
  update converge.reconcile_key as one set
    state = case when dirty then 'queued' else $5 end,
    next_at = clock_timestamp() + (case when dirty and not $7 then least($6::float8, $14) else $6::float8 end) * interval '1 millisecond',
    priority = case when dirty then 1 else 2 end,
    failures = $8, conflicts = $9, repairs = $10, healthy_streak = $11,
    drift_since = case when $12::text is null then null
      when drift_hash = $12 then drift_since else clock_timestamp() end,
    drift_hash = $12, last_version_written = $13, reason = $15, verdict = $16, dirty = false,
    diverged_at = case when $17 then null when $12 is not null then coalesce(diverged_at, clock_timestamp()) else diverged_at end,
    quiet_since = case when $18 then clock_timestamp() else quiet_since end,
    wait = $19, waits_since = case when $20 then coalesce(waits_since, clock_timestamp()) end,
    window_started_at = case when dirty then clock_timestamp() end,
    holder = null, leased_until = null, updated_at = clock_timestamp()
  where ${keyQueue.mine}`;

// One statement: the verdict's row is written if the claim was still held.
const finishAuditedSql = `
  with finished as (${finishSql} returning reconciler, key, cause, term)
  insert into converge.reconcile_audit (reconciler, key, cause, term, verdict, desired, before, drift, why, actor)
  select reconciler, key, cause, term, $21, $22::json, $23::json, $24::json, $25, $26 from finished`;

const stateAfter = { done: 'idle', terminal: 'terminal', requeueAfter: 'queued', retry: 'queued' } as const;

/**
 * Finishes the claim with its result, and writes the audit row of a verdict that is new.
 * false = the claim was lost, and nothing was written.
 */
export async function finishKey(
  executor: Executor,
  claim: Claim,
  settlement: KeyFinish,
  audit?: AuditRow,
): Promise<boolean> {
  if (settlement.forget && (await forget(executor, claim))) return true;
  const { result, counters, driftHash, lastVersionWritten, quietMs, reason, wait } = settlement;
  const values = [
    ...keyQueue.values(claim),
    stateAfter[result.kind],
    'ms' in result ? result.ms : quietMs,
    result.kind === 'retry',
    counters.failures,
    counters.conflicts,
    counters.repairs,
    counters.healthyStreak,
    driftHash,
    lastVersionWritten?.toString() ?? null,
    quietMs,
    reason,
    settlement.verdict,
    settlement.recovered,
    settlement.windowBegins,
    waitText(wait),
    wait !== null && wait.kind !== 'settling',
  ];
  const { rowCount } =
    audit === undefined
      ? await executor.query(finishSql, values)
      : await executor.query(finishAuditedSql, [...values, ...auditValues(audit)]);
  return rowCount === 1;
}

/** Deletes a healthy key without history. A key that was reported during its run stays. */
async function forget(executor: Executor, claim: Claim): Promise<boolean> {
  const text = `delete from converge.reconcile_key as one where ${keyQueue.mine} and not dirty`;
  return (await executor.query(text, keyQueue.values(claim))).rowCount === 1;
}

// One commit for several keys. The statement waits for no report of one of them, so that it can neither deadlock with another
// statement over several keys nor hold back the others.
const forgetSql = keyQueue.remove(keyQueue.pickHeld('not dirty'));

/**
 * Deletes claimed keys that need no history. Returns the deleted keys: the others were reported during their run, are locked,
 * or are claimed no more.
 */
export async function forgetKeys(executor: Executor, claims: readonly Claim[]): Promise<ReadonlySet<string>> {
  const { rows } = await executor.query<{ key: string }>(forgetSql, keyQueue.valuesOf(claims));
  return new Set(rows.map(({ key }) => key));
}
