import { listChildren, type OutboxLimit, readLimit } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { rejectMissingRows } from '../leader/check-tables.ts';
import { freshArms } from '../window/read-sql.ts';
import { type HorizonBlocker, readHorizonBlockers } from '../retention/horizon-blockers.ts';

/** The state of the outbox in the database, whichever relay leads. */
export interface Survey {
  readonly source: string;
  readonly epoch: number;
  /** Events not published, of topics that flow: counted up to `COUNTED`, then taken from the ids. */
  readonly backlog: number;
  /** Age of the oldest event not published, held topics included; 0 when none waits. */
  readonly oldestMs: number;
  /** The newest id that the sequence gave. */
  readonly newestId: string;
  /** The highest id up to which every event is published. */
  readonly publishedId: string;
  readonly limit: OutboxLimit;
  /** Rows whose ids the sequence never gave, written by hand: they are not published. The lowest id of them. */
  readonly strayId: string | undefined;
  readonly holder: string | undefined;
  /** How often the lease was taken within the last ten minutes from a holder that had not released it. */
  readonly lost: number;
  /** When Postgres started, if that was within those ten minutes: its restart ends each lease. */
  readonly startedAt: Date | undefined;
  /** The database's clock less this host's; right to half a round trip. */
  readonly clockAheadMs: number;
  /** Transactions older than `BLOCKER_MS` that hold retention back, the oldest first. */
  readonly blockers: readonly HorizonBlocker[];
  /** Children of the outbox beyond the newest id, without the last one. */
  readonly childrenAhead: number;
  readonly children: number;
}

/** Events are counted one by one up to here. */
export const COUNTED = 10_000;
/** A transaction this old holds retention back, milliseconds. */
export const BLOCKER_MS = 60_000;

// The statement reads single rows, and two index look-ups.
const sourceSql = `
  select s.name, s.epoch, t.snapshot::text as snapshot, t.ceil::text as ceil,
         (select last_value::text from converge.outbox_id) as newest,
         (select holder from converge.lease where name = $1 and expires_at > clock_timestamp()) as holder,
         (select (extract(epoch from clock_timestamp() - min(held.created_at)) * 1000)::float8
            from converge.relay_topic r join converge.tick held on held.number = r.held_at) as "heldMs",
         coalesce((select (select count(*)::int from unnest(l.lost_at) as at where at > clock_timestamp() - interval '10 minutes')
                     from converge.lease l where l.name = $1), 0) as lost,
         (select started from pg_postmaster_start_time() as started where started > clock_timestamp() - interval '10 minutes') as "startedAt",
         (extract(epoch from clock_timestamp()) * 1000)::float8 as "clockMs"
    from converge.source s, converge.relay_source r join converge.tick t on t.number = r.done_tick`;

interface SourceRow {
  readonly name: string;
  readonly epoch: number;
  readonly snapshot: string;
  readonly ceil: string;
  readonly newest: string;
  readonly holder: string | null;
  readonly heldMs: number | null;
  readonly lost: number;
  readonly startedAt: Date | null;
  readonly clockMs: number;
}

// The backlog has the same two arms as the poll: transactions running at the done tick, and later ones. A single range
// from xmin on would read everything published since an open transaction began.
const backlogSql = `
  select count(*)::int as events,
         coalesce((extract(epoch from clock_timestamp() - min(created_at)) * 1000)::float8, 0) as "oldestMs"
    from (${freshArms({ columns: 'created_at', xmax: '$1::xid8', running: '$2::xid8[]', limit: String(COUNTED) })}) as waiting`;

// Counts ids that no event has: a filled last child is closed by a bound far ahead, and ids continue from there
// (outbox_add_child). Each such child costs one look-up at the end of the key's index; none exists where a relay ran in
// time.
const skippedSql = `
  select coalesce(sum(closed.upper - 1 - greatest($1::bigint,
           (select max(o.id) from converge.outbox o where o.id < closed.upper))), 0)::text as ids
    from (select substring(k.conname from '^outbox_until_(\\d+)$')::bigint as upper
            from pg_constraint k join pg_inherits i on i.inhrelid = k.conrelid
           where i.inhparent = 'converge.outbox'::regclass and k.conname like 'outbox_until_%') as closed
   where closed.upper - 1 > $1::bigint and closed.upper <= $2::bigint`;

// The end of the key's index. The sequence is read after the snapshot was taken: an id of an event is never above it, except
// where the sequence itself is behind (`sequence_behind`).
const straySql = `
  select id::text from converge.outbox
   where id > (select last_value from converge.outbox_id)
     and (select ceil from converge.tick order by number desc limit 1) <= (select last_value from converge.outbox_id)
   order by id limit 1`;

/** Reads a survey, cheaply whatever the outbox holds. Throws when converge is not migrated here. */
export async function survey(
  executor: Executor,
  {
    lease,
    now,
    blockerMs = BLOCKER_MS,
  }: { readonly lease: string; readonly now: () => number; readonly blockerMs?: number },
): Promise<Survey> {
  const before = now();
  const { rows } = await executor.query<SourceRow>(sourceSql, [lease]);
  const middle = (before + now()) / 2;
  const [source] = rows;
  if (source === undefined) return rejectMissingRows(executor);
  const [, xmax = '0', running = ''] = source.snapshot.split(':');
  const waiting = (
    await executor.query<{ events: number; oldestMs: number }>(backlogSql, [xmax, `{${running}}`])
  ).rows[0];
  const events = waiting?.events ?? 0;
  const backlog = events < COUNTED ? events : backlogOf(events, await idsSince(executor, source));
  const blockers = await readHorizonBlockers(executor, { olderThanMs: blockerMs });
  const children = await listChildren(executor);
  const newest = BigInt(source.newest);
  return {
    source: source.name,
    epoch: source.epoch,
    backlog,
    oldestMs: Math.max(0, waiting?.oldestMs ?? 0, source.heldMs ?? 0),
    newestId: source.newest,
    publishedId: source.ceil,
    limit: await readLimit(executor),
    strayId: (await executor.query<{ id: string }>(straySql)).rows[0]?.id,
    holder: source.holder ?? undefined,
    lost: source.lost,
    startedAt: source.startedAt ?? undefined,
    clockAheadMs: source.clockMs - middle,
    blockers: blockers.filter(({ kind }) => kind !== 'slot'),
    childrenAhead: children.filter(({ from = 0n, to }) => from > newest && to !== undefined).length,
    children: children.length,
  };
}

async function idsSince(executor: Executor, { newest, ceil }: SourceRow): Promise<bigint> {
  const { rows } = await executor.query<{ ids: string }>(skippedSql, [ceil, newest]);
  return BigInt(newest) - BigInt(ceil) - BigInt(rows[0]?.ids ?? '0');
}

/** Formats the backlog (pure): a count at its limit is "at least"; ids have no gaps except for rollbacks. */
export function backlogOf(counted: number, idsSince: bigint): number {
  return counted < COUNTED ? counted : Math.max(counted, Number(idsSince));
}
