import type { Executor } from '@convergekit/postgres';
import { endsTooLate } from '@convergekit/postgres/engine';
import { type AuditRow, auditValues } from './audit/audit-sql.ts';
import type { Claim } from './claim.ts';
import { keyQueue } from './claim-sql.ts';
import type { KeyFinish } from './decide.ts';
import { waitText } from './in-flight/wait.ts';

// A holder that finishes right now is not late. The interruption counts as a failure, so that a key that kills its worker
// backs off, too.
const rescueSql = keyQueue.change(
  keyQueue.pick(`one.reconciler = $1 and state = 'running' and ${keyQueue.isOver('$2')}`),
  `state = 'queued', priority = 2, failures = failures + 1, reason = 'its worker did not come back',
    next_at = clock_timestamp() + least(60000, 500 * power(2, least(failures, 10))) * interval '1 millisecond' * random(),
    holder = null, leased_until = null, updated_at = clock_timestamp()`,
);

/** Requeues keys whose worker's lease has expired. Returns their number. */
export async function requeueExpired(
  executor: Executor,
  reconciler: string,
  leaseMs: number,
): Promise<number> {
  return (await executor.query(rescueSql, [reconciler, leaseMs])).rowCount;
}

// Each write dates its row, so one of the future is of before the clock was set back. The search is a range of reconcile_key_due for
// each priority.
const rescheduleSql = keyQueue.change(
  keyQueue.pick(
    `one.reconciler = $1 and state = 'queued' and priority between 0 and 3 and ${endsTooLate('next_at', '0')} and updated_at > clock_timestamp()`,
  ),
  'next_at = clock_timestamp(), updated_at = clock_timestamp()',
);

/** Makes keys due that were to be looked at soon before the database's clock was set back. */
export async function rescheduleKeys(executor: Executor, reconciler: string): Promise<void> {
  await executor.query(rescheduleSql, [reconciler]);
}

// A key that was reported during its run is run again; after a failure the retry is that run.
const finishSql = `
  update converge.reconcile_key as one set
    state = case when dirty then 'queued' else $5 end,
    next_at = clock_timestamp() + (case when dirty and not $7 then least($6::float8, $14) else $6::float8 end) * interval '1 millisecond',
    priority = case when dirty then 1 else 2 end,
    failures = $8, conflicts = $9, repairs = $10, healthy_streak = $11,
    drift_since = case when $12::text is null then null
      when drift_hash = $12 then least(drift_since, clock_timestamp()) else clock_timestamp() end,
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
