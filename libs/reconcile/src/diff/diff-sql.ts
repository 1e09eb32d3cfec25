import type { Executor } from '@convergekit/postgres';

const lastWrittenSql = `
  select after from converge.reconcile_audit
   where reconciler = $1 and key = $2 and verdict = 'repaired' order by id desc limit 1`;

/** Reads the state that the last repair of the key left; undefined = it was never repaired. */
export async function readLastWritten(executor: Executor, reconciler: string, key: string): Promise<unknown> {
  return (await executor.query<{ after: unknown }>(lastWrittenSql, [reconciler, key])).rows[0]?.after;
}

/** A key in the queue that is not processed yet, and why. */
export interface WaitingKey {
  readonly key: string;
  readonly state: 'queued' | 'running' | 'terminal';
  /** Why it waits; null = it was not looked at yet. */
  readonly reason: string | null;
  /** When it is looked at again; null = an operator must act. */
  readonly nextAt: Date | null;
}

// The oldest first, by the partial index of queued keys and the primary key.
const waitingSql = `
  select key, state, reason, case when state <> 'terminal' then next_at end as "nextAt"
    from converge.reconcile_key
   where reconciler = $1 and state in ('queued', 'running', 'terminal') and ($2::text is null or key = $2)
   order by state = 'terminal', next_at, key limit $3`;

/** Reads keys that wait for their next look or for an operator, those that are due first. */
export async function readWaiting(
  executor: Executor,
  reconciler: string,
  { key, limit }: { readonly key?: string; readonly limit: number },
): Promise<readonly WaitingKey[]> {
  return (await executor.query<WaitingKey>(waitingSql, [reconciler, key ?? null, limit])).rows;
}
