import type { Executor } from '@convergekit/postgres';
import { LeasedTable } from '@convergekit/postgres/engine';
import type { Claim } from './claim.ts';
import { parseWait } from './in-flight/wait.ts';

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
