import type { Executor } from '@convergekit/postgres';

/** The number of a reconciler's keys with one verdict. */
interface DriftCount {
  readonly reconciler: string;
  /** `observed`, `held`, `unresolvable`, `unknown`, `flapping`, `refused`, `failed`; `pending`: a drift without a verdict yet. */
  readonly verdict: string;
  readonly keys: number;
  /** When the oldest of them was first found divergent; null = none has a drift. */
  readonly oldest: Date | null;
}

// A verdict's text begins with its name; what follows identifies the drift. Keys without either are in sync, or not compared yet.
const verdictOfKey = `coalesce(split_part(k.verdict, ' ', 1), 'pending')`;
const isDivergent = `(k.verdict is not null or k.drift_hash is not null)`;

// Reads all keys that have a row: those without history have none.
const countSql = `
  select k.reconciler, ${verdictOfKey} as verdict, count(*)::int as keys, min(k.diverged_at) as oldest
    from converge.reconcile_key k where ${isDivergent} group by 1, 2 order by 1, 2`;

/** Counts the divergent keys of all reconcilers of a database by verdict, as of their last look. */
export async function countDrift(executor: Executor): Promise<readonly DriftCount[]> {
  return (await executor.query<DriftCount>(countSql)).rows;
}

/** Chooses divergent keys. `after`: those behind this key; keys are in their order. */
export interface DriftFilter {
  readonly verdict?: string | undefined;
  readonly key?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A divergent key as its last look recorded it. */
export interface DriftRow {
  readonly key: string;
  readonly verdict: string;
  readonly reason: string | null;
  /** When it was first found divergent. */
  readonly since: Date | null;
  readonly lookedAt: Date;
  /** When it is looked at again; null = when it is reported, or by an operator. */
  readonly nextAt: Date | null;
  /** Both states at the verdict, as JSON values; null = no verdict was recorded. */
  readonly recorded: { readonly at: string; readonly desired: unknown; readonly actual: unknown } | null;
  /** What its last repair left; absent = it was never repaired. */
  readonly lastWritten?: unknown;
}

// By the primary key from `after` on; the audit by its index of keys.
const readSql = `
  select k.key, ${verdictOfKey} as verdict, k.reason, k.diverged_at as since, k.updated_at as "lookedAt",
         case when k.state = 'queued' then k.next_at end as "nextAt",
         (select json_build_object('at', a.at, 'desired', a.desired, 'actual', a.before) from converge.reconcile_audit a
           where a.reconciler = k.reconciler and a.key = k.key and a.verdict <> 'repaired' order by a.id desc limit 1) as recorded,
         (select json_build_object('state', a.after) from converge.reconcile_audit a
           where a.reconciler = k.reconciler and a.key = k.key and a.verdict = 'repaired' order by a.id desc limit 1) as written
    from converge.reconcile_key k
   where k.reconciler = $1 and ${isDivergent} and ($2::text is null or ${verdictOfKey} = $2) and ($3::text is null or k.key = $3)
     and ($4::text is null or k.key > $4)
   order by k.key limit $5`;

/** Reads divergent keys of a reconciler, as of their last look. */
export async function readDriftRows(
  executor: Executor,
  reconciler: string,
  { verdict, key, after, limit }: DriftFilter,
): Promise<readonly DriftRow[]> {
  const values = [reconciler, verdict ?? null, key ?? null, after ?? null, limit];
  const { rows } = await executor.query<DriftRow & { readonly written: { readonly state: unknown } | null }>(
    readSql,
    values,
  );
  return rows.map(({ written, ...row }) => (written === null ? row : { ...row, lastWritten: written.state }));
}

/** Reads the divergent keys of a reconciler with a verdict, in their order. */
export async function readDriftKeys(
  executor: Executor,
  reconciler: string,
  { verdict, limit }: Pick<DriftFilter, 'verdict' | 'limit'>,
): Promise<readonly string[]> {
  const { rows } = await executor.query<{ key: string }>(
    `select k.key from converge.reconcile_key k
      where k.reconciler = $1 and ${isDivergent} and ($2::text is null or ${verdictOfKey} = $2) order by k.key limit $3`,
    [reconciler, verdict ?? null, limit],
  );
  return rows.map(({ key }) => key);
}

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
