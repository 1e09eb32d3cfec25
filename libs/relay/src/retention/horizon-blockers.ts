import type { Executor } from '@convergekit/postgres';

/**
 * A reason why old rows are not removed:
 * - `writer`, `prepared`: a transaction that has an xid, in any database of the cluster, because a snapshot's xmin is the
 *   cluster's. Children that were closed since it began are not known to be finished.
 * - `reader`: a snapshot in this database, such as pg_dump's. A finished child is not detached before it ends.
 * - `slot`: a replication slot. Children leave all the same; ticks that were deleted keep their space.
 * None of them holds up publishing.
 */
export interface HorizonBlocker {
  readonly kind: 'writer' | 'reader' | 'prepared' | 'slot';
  /** `pid 4711`, `prepared <gid>` or `slot <name>`. */
  readonly holder: string;
  readonly application: string;
  readonly database: string;
  /** The age of the transaction in milliseconds; null for a slot, which has no time. */
  readonly ageMs: number | null;
}

// Only a member of pg_monitor sees more than the pid of other users' sessions. A walsender's snapshot is its slot's.
const blockersSql = `
  select case when backend_xid is null then 'reader' else 'writer' end as kind, 'pid ' || pid as holder,
         coalesce(nullif(application_name, ''), usename, '?') as application, coalesce(datname, '?') as database,
         (extract(epoch from clock_timestamp() - xact_start) * 1000)::float8 as "ageMs"
    from pg_stat_activity
   where pid <> pg_backend_pid() and backend_type <> 'walsender'
     and (backend_xid is not null or (backend_xmin is not null and datname = current_database()))
     and xact_start <= clock_timestamp() - $1 * interval '1 millisecond'
  union all
  select 'prepared', 'prepared ' || gid, owner::text, database::text,
         (extract(epoch from clock_timestamp() - prepared) * 1000)::float8
    from pg_prepared_xacts where prepared <= clock_timestamp() - $1 * interval '1 millisecond'
  union all
  select 'slot', 'slot ' || slot_name, coalesce(plugin, slot_type)::text, coalesce(database, '?')::text, null
    from pg_replication_slots where xmin is not null or (catalog_xmin is not null and not active)
   order by 5 desc nulls last, 2 limit $2`;

/** Transactions older than `olderThanMs`, the oldest first, then slots. */
export async function readHorizonBlockers(
  executor: Executor,
  { olderThanMs = 60_000, limit = 100 }: { readonly olderThanMs?: number; readonly limit?: number } = {},
): Promise<readonly HorizonBlocker[]> {
  return (await executor.query<HorizonBlocker>(blockersSql, [olderThanMs, limit])).rows;
}
