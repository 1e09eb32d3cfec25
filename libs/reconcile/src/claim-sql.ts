import type { Executor } from '@convergekit/postgres';
import type { Claim } from './claim.ts';
import { parseWait } from './in-flight/wait.ts';

// SKIP LOCKED lets workers pass each other. The lease is committed before the work starts, so no other worker gets the key
// when this connection breaks. A paused reconciler gives none. Plan: the partial index reconcile_key_due gives priority, next_at order without a sort.
const due = `select reconciler, key, next_at from converge.reconcile_key
     where reconciler = $1 and state = 'queued' and next_at >= $5 and next_at <= clock_timestamp()
       and not exists (select from converge.reconciler where name = $1 and paused_at is not null)`;
const byPriority = `${due} order by priority, next_at limit $3 for update skip locked`;
// The first key of each priority by the same index, then the oldest of these four.
const byAge = `
    select first.reconciler, first.key, first.next_at from (values (0), (1), (2), (3)) as p (priority)
     cross join lateral (${due} and priority = p.priority order by next_at limit 1 for update skip locked) as first
     order by first.next_at limit $3`;
const claimSql = (order: string): string => `
  with due as (${order})
  update converge.reconcile_key as k set
    state = 'running', dirty = false, window_started_at = null, holder = $2,
    term = nextval('converge.reconcile_term'), leased_until = clock_timestamp() + $4 * interval '1 millisecond',
    updated_at = clock_timestamp()
  from due where k.reconciler = due.reconciler and k.key = due.key
  returning k.key, k.term, to_char(due.next_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as due_at, k.cause, k.failures, k.conflicts, k.repairs, k.healthy_streak, k.drift_hash,
    k.last_version_written, k.verdict, k.wait,
    extract(epoch from clock_timestamp() - k.drift_since) * 1000 as drift_age_ms,
    extract(epoch from clock_timestamp() - k.diverged_at) * 1000 as diverged_for_ms,
    extract(epoch from clock_timestamp() - k.quiet_since) * 1000 as quiet_for_ms,
    extract(epoch from clock_timestamp() - due.next_at) * 1000 as waited_ms`;
const statements = { priority: claimSql(byPriority), age: claimSql(byAge) } as const;

interface ClaimRow {
  readonly key: string;
  readonly term: string;
  readonly due_at: string;
  readonly cause: string;
  readonly failures: number;
  readonly conflicts: number;
  readonly repairs: number;
  readonly healthy_streak: number;
  readonly drift_hash: string | null;
  readonly last_version_written: string | null;
  readonly verdict: string | null;
  readonly wait: string | null;
  readonly drift_age_ms: string | null;
  readonly diverged_for_ms: string | null;
  readonly quiet_for_ms: string | null;
  readonly waited_ms: string;
}

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
  return rows.map((row) => ({
    reconciler,
    key: row.key,
    holder,
    term: BigInt(row.term),
    dueAt: row.due_at,
    cause: row.cause,
    failures: row.failures,
    conflicts: row.conflicts,
    repairs: row.repairs,
    healthyStreak: row.healthy_streak,
    driftHash: row.drift_hash,
    driftAgeMs: numberOf(row.drift_age_ms),
    divergedForMs: numberOf(row.diverged_for_ms),
    quietForMs: numberOf(row.quiet_for_ms),
    waitedMs: Number(row.waited_ms),
    verdict: row.verdict,
    wait: parseWait(row.wait),
    lastVersionWritten: row.last_version_written === null ? null : BigInt(row.last_version_written),
  }));
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
