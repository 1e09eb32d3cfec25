import type { Executor } from '@converge/postgres';
import type { Finding } from '../findings.ts';
import { formatMs } from '../output.ts';

export interface Backlog {
  /** Events not published, counted up to `COUNTED`. */
  readonly events: number;
  readonly oldestMs: number | null;
  readonly held: readonly { readonly topic: string; readonly reason: string | null }[];
  /** Who publishes: the holder of a lease that has not expired. */
  readonly leader: string | null;
}

const COUNTED = 100_000;

const doneSql = `
  select t.snapshot::text as snapshot, pg_snapshot_xmin(t.snapshot)::text as xmin
    from converge.relay_source s join converge.tick t on t.number = s.done_tick`;

// Whatever the last finished tick did not see. With xmin bound as a parameter the index on xid gives the rows; the
// limit keeps a large backlog from being read to its end.
const backlogSql = `
  select count(*)::int as events,
         (extract(epoch from clock_timestamp() - min(created_at)) * 1000)::float8 as "oldestMs"
    from (select created_at from converge.outbox
           where xid >= $1::xid8 and not pg_visible_in_snapshot(xid, $2::pg_snapshot) order by xid limit ${COUNTED}) waiting`;

const heldSql = `select topic, held_reason as reason from converge.relay_topic where held_at is not null order by topic`;

const leaderSql = `
  select holder from converge.lease where name like 'relay%' and expires_at > clock_timestamp() order by name limit 1`;

export async function readBacklog(executor: Executor): Promise<Backlog> {
  const done = await executor.query<{ snapshot: string; xmin: string }>(doneSql);
  const { snapshot, xmin } = done.rows[0] ?? { snapshot: '3:3:', xmin: '3' };
  const waiting = await executor.query<Pick<Backlog, 'events' | 'oldestMs'>>(backlogSql, [xmin, snapshot]);
  const held = await executor.query<Backlog['held'][number]>(heldSql);
  const leader = await executor.query<{ holder: string }>(leaderSql);
  return {
    events: waiting.rows[0]?.events ?? 0,
    oldestMs: waiting.rows[0]?.oldestMs ?? null,
    held: held.rows,
    leader: leader.rows[0]?.holder ?? null,
  };
}

const LATE_MS = 10_000;

/** Pure. */
export function checkBacklog({ events, oldestMs, held, leader }: Backlog): readonly Finding[] {
  return [
    leader === null
      ? { check: 'relay', verdict: 'warn', text: 'none publishes this outbox now', next: 'converge relay' }
      : { check: 'relay', verdict: 'ok', text: `${leader} publishes` },
    backlog(events, oldestMs),
    ...held.map(({ topic, reason }): Finding => ({
      check: `topic ${topic}`,
      verdict: 'fail',
      text: `held: ${reason ?? 'no reason recorded'}`,
      next: 'mend the reason; the relay goes on with this topic by itself',
    })),
  ];
}

function backlog(events: number, oldestMs: number | null): Finding {
  const check = 'backlog';
  if (events === 0 || oldestMs === null)
    return { check, verdict: 'ok', text: 'no event waits to be published' };
  const age = formatMs(oldestMs);
  const count = events >= COUNTED ? `${COUNTED} or more` : String(events);
  const text = events === 1 ? `1 event waits, for ${age}` : `${count} events wait, the oldest for ${age}`;
  if (oldestMs < LATE_MS) return { check, verdict: 'ok', text };
  return { check, verdict: 'warn', text, next: "see the relay's log and /readyz" };
}
