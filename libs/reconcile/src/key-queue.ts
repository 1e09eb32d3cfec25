import type { Executor } from '@convergekit/postgres';
import { endsTooLate, LeasedTable } from '@convergekit/postgres/engine';
import { type Operator, recordActSql } from '@convergekit/postgres/operate';
import { type AuditRow, auditValues } from './audit/audit-sql.ts';
import type { Claim } from './claim.ts';
import type { KeyFinish } from './decide.ts';
import { parseWait, waitText } from './in-flight/wait.ts';

/** The queue of keys. A lease that has ended is an interruption: the key is requeued as after a failure. */
export const keyQueue = new LeasedTable({
  table: 'converge.reconcile_key',
  key: { reconciler: 'text', key: 'text' },
  fence: { holder: 'text', term: 'bigint' },
  lease: 'leased_until',
});

// A paused reconciler gives none. Plan: the partial index reconcile_key_due gives priority, next_at order without a sort.
const due = `one.reconciler = $1 and state = 'queued' and next_at >= $5 and next_at <= clock_timestamp()
       and not exists (select from converge.reconciler where name = $1 and paused_at is not null)`;
const byPriority = keyQueue.pick(due, 'order by priority, next_at limit $3');
// The first key of each priority by the same index, then the oldest of these four.
const byAge = `
    select first.reconciler, first.key from (values (0), (1), (2), (3)) as p (priority)
     cross join lateral (${keyQueue.pick(`${due} and one.priority = p.priority`, 'order by next_at limit 1', 'reconciler, key, next_at')}) as first
     order by first.next_at limit $3`;
const msSince = (time: string): string => `(extract(epoch from clock_timestamp() - ${time}) * 1000)::float8`;
const claimSql = (order: string): string =>
  keyQueue.claim(
    order,
    '$4',
    `state = 'running', dirty = false, window_started_at = null, holder = $2, term = nextval('converge.reconcile_term'),
    updated_at = clock_timestamp()`,
    `one.reconciler, one.key, holder, one.term, to_char(one.next_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "dueAt",
    cause, failures, conflicts, repairs, healthy_streak as "healthyStreak", drift_hash as "driftHash",
    last_version_written as version, verdict, wait, ${msSince('drift_since')} as "driftAgeMs",
    ${msSince('diverged_at')} as "divergedForMs", ${msSince('quiet_since')} as "quietForMs", ${msSince('next_at')} as "waitedMs"`,
  );
const statements = { priority: claimSql(byPriority), age: claimSql(byAge) } as const;

type ClaimRow = Omit<Claim, 'term' | 'wait' | 'lastVersionWritten'> & {
  readonly term: string;
  readonly wait: string | null;
  readonly version: string | null;
};

/** `age`: the keys that have been due for longest, whatever their priority; at most 4. */
export type ClaimOrder = 'priority' | 'age';

export interface ClaimRequest {
  readonly reconciler: string;
  readonly holder: string;
  readonly limit: number;
  readonly leaseMs: number;
  /** @default 'priority' */
  readonly order?: ClaimOrder;
  /** Leaves out keys that became due before this time, as Postgres writes it. @default none */
  readonly from?: string | undefined;
}

export async function claimKeys(executor: Executor, request: ClaimRequest): Promise<readonly Claim[]> {
  const { reconciler, holder, limit, leaseMs, order = 'priority', from = '-infinity' } = request;
  const values = [reconciler, holder, limit, leaseMs, from];
  const { rows } = await executor.query<ClaimRow>(statements[order], values);
  return rows.map(({ version, ...row }) => ({
    ...row,
    term: BigInt(row.term),
    wait: parseWait(row.wait),
    lastVersionWritten: version === null ? null : BigInt(version),
  }));
}

/** The reason of a run, by urgency: the smaller number goes first. */
const PRIORITIES = { operator: 0, event: 1, retry: 2, sweep: 3 } as const;
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
  where (k.state <> 'terminal' or excluded.priority < 3)`;

export async function enqueueKeys(executor: Executor, request: EnqueueRequest): Promise<void> {
  const { reconciler, keys, priority, cause, quietMs, maxWaitMs } = request;
  if (keys.length === 0) return;
  const quiet = priority === 'operator' || priority === 'sweep' ? 0 : quietMs;
  await executor.query(enqueueSql, [reconciler, keys, PRIORITIES[priority], cause, quiet, maxWaitMs]);
}

/** The most keys of one statement of `enqueueAll`. */
const CHUNK = 1_000;

/** Queues any number of keys, some at a time. */
export async function enqueueAll(executor: Executor, { keys, ...request }: EnqueueRequest): Promise<void> {
  for (let from = 0; from < keys.length; from += CHUNK)
    await enqueueKeys(executor, { ...request, keys: keys.slice(from, from + CHUNK) });
}

// A key that an operator made due already stays as it is: the answer to the act before may have been lost.
const retrySql = `
  with retried as (${enqueueSql}
    and not (k.state = 'queued' and k.priority = ${PRIORITIES.operator} and k.next_at <= clock_timestamp()) returning k.key)
  select ${recordActSql('reconcile retry', { subject: '$1', by: '$7', reason: '$8', before: `jsonb_build_object('key', key)` })} from retried`;

/**
 * Queues keys before all others for an operator, also those that were given up, with one row each in the audit of
 * operators.
 */
export async function retryKeys(
  executor: Executor,
  reconciler: string,
  keys: readonly string[],
  { by, reason }: Operator,
): Promise<void> {
  if (keys.length === 0) return;
  const cause = `operator ${by}: ${reason}`;
  await executor.query(retrySql, [reconciler, keys, PRIORITIES.operator, cause, 0, 0, by, reason]);
}

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
