import type { Executor } from '@convergekit/postgres';
import { counted } from '../text.ts';
import type { FoundCondition } from './found.ts';

/** A session that holds advisory locks of the kit for long, or lets another session wait for one. */
export interface LockHolder {
  /** null = a prepared transaction, which has no process. */
  readonly pid: number | null;
  readonly login: string | null;
  readonly application: string | null;
  readonly locks: number;
  readonly waiting: number;
  /** null = the role that looks may not see it. */
  readonly since: Date | null;
}

// 1668247159 are the keys of the outbox, 1668182646 is what runs once at a time. What no one waits for counts after a minute.
const holdersSql = `
  with held as (
    select l.pid, count(distinct (l.classid, l.objid))::int as locks, count(distinct w.pid)::int as waiting, min(w.waitstart) as waits_since
      from pg_locks l
      left join pg_locks w on not w.granted and w.locktype = 'advisory'
       and (w.database, w.classid, w.objid, w.objsubid) = (l.database, l.classid, l.objid, l.objsubid)
     where l.granted and l.locktype = 'advisory' and l.classid in (1668247159, 1668182646) and l.objsubid = 2
       and l.database = (select oid from pg_database where datname = current_database())
     group by l.pid
  )
  select h.pid, a.usename as login, a.application_name as application, h.locks, h.waiting, coalesce(a.xact_start, a.state_change) as since
    from held h left join pg_stat_activity a on a.pid = h.pid
   where h.waits_since < clock_timestamp() - $1 * interval '1 millisecond'
      or coalesce(a.xact_start, a.state_change) < clock_timestamp() - interval '1 minute'
   order by h.waiting desc, h.locks desc limit 20`;

/** Reads the sessions that let another one wait for `waitsMs`, or that hold a lock for a minute. */
export async function readLockHolders(
  executor: Executor,
  { waitsMs = 5_000 }: { readonly waitsMs?: number } = {},
): Promise<readonly LockHolder[]> {
  return (await executor.query<LockHolder>(holdersSql, [waitsMs])).rows;
}

/** Lists sessions by which emits, migrations or the local log may wait (pure). */
export function lockItems(holders: readonly LockHolder[]): readonly FoundCondition[] {
  return holders.map(({ pid, login, application, locks, waiting, since }) => {
    const who =
      pid === null
        ? 'a prepared transaction'
        : `session ${pid} (login ${login ?? '?'}, application "${application ?? ''}")`;
    const waits = `${counted(waiting, 'session waits', 'sessions wait')} for it`;
    return {
      severity: 'watch',
      alarm: 'locks_held',
      text: `${who} holds ${counted(locks, 'lock', 'locks')} by which emits take turns; ${waits}`,
      since,
      next: pid === null ? 'select * from pg_prepared_xacts' : `select pg_terminate_backend(${pid})`,
      about: {},
    };
  });
}
