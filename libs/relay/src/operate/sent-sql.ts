import type { Assignment } from '@convergekit/broker/engine';
import type { Position } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';

/** What a source had sent at an earlier time. */
interface SentState {
  readonly source: { readonly id: string; readonly name: string };
  /** The last tick that is older than the bound; null = the source is younger. */
  readonly tick: bigint | null;
  readonly partitions: readonly SentPartition[];
}

/** The last acknowledged event of a partition. */
export interface SentPartition extends Assignment {
  /** The number of partitions of the topic. */
  readonly count: number;
  readonly sent: Position;
  /** The age of its tick, in milliseconds; null = its tick is not kept any more. */
  readonly ageMs: number | null;
}

// The tick is found by bisection, the cursors are one row per partition.
const sourceSql = `
  select s.id, s.name, (select converge.tick_last((select max(number) from converge.tick),
      created_before => clock_timestamp() - $1::float8 * interval '1 millisecond'))::text as tick
    from converge.source s`;
const cursorSql = `
  select c.topic, c.partition, t.partitions as count, c.epoch, c.tick::text, c.id::text,
         (extract(epoch from clock_timestamp() - k.created_at) * 1000)::float8 as "ageMs"
    from converge.relay_cursor c join converge.relay_topic t using (topic) left join converge.tick k on k.number = c.tick
   where t.partitions is not null and c.tick > 0`;

/** Reads what the relay of a source has sent, and the last tick older than `olderMs`. Undefined: the database is no source. */
export async function readSent(executor: Executor, olderMs: number): Promise<SentState | undefined> {
  if (!(await hasTables(executor, 'converge.relay_cursor', 'converge.source'))) return undefined;
  const [source] = (
    await executor.query<{ id: string; name: string; tick: string | null }>(sourceSql, [olderMs])
  ).rows;
  if (source === undefined) return undefined;
  const { rows } = await executor.query<
    Omit<SentPartition, 'sent'> & { epoch: number; tick: string; id: string }
  >(cursorSql);
  return {
    source: { id: source.id, name: source.name },
    tick: source.tick === null ? null : BigInt(source.tick),
    partitions: rows.map(({ epoch, tick, id, ...partition }) => ({
      ...partition,
      sent: { epoch, tick: BigInt(tick), id: BigInt(id) },
    })),
  };
}

/** An event that was sent, as its source keeps it. */
export interface SentEvent {
  readonly eventId: string;
  readonly key: string;
  readonly ageMs: number;
}

// The windows after one tick up to another: what the later snapshot sees and the earlier does not. A range of the primary
// key, which ends at the first match.
const firstSql = `
  with later as (select snapshot, ceil from converge.tick where number = $4::bigint),
       earlier as (select number, snapshot from converge.tick where number >= $3::bigint order by number limit 1)
  select o.event_id::text as "eventId", o.key, (extract(epoch from clock_timestamp() - o.created_at) * 1000)::float8 as "ageMs"
    from later, earlier, converge.outbox o
   where o.id > coalesce((select t.floor from converge.tick t
                           where t.number <= earlier.number and t.own <= pg_snapshot_xmin(earlier.snapshot)
                           order by t.number desc limit 1), 0)
     and o.id <= later.ceil and o.topic = $1
     and pg_visible_in_snapshot(o.xid, later.snapshot) and not pg_visible_in_snapshot(o.xid, earlier.snapshot)
     and converge.kafka_partition(o.key, $5) = $2::int
   order by o.id limit 1`;

/** Finds an event of a partition in the windows after one tick, up to another. Undefined: none, or it is not kept any more. */
export async function findSent(
  executor: Executor,
  { topic, partition, count }: Pick<SentPartition, 'topic' | 'partition' | 'count'>,
  windows: { readonly after: bigint; readonly upTo: bigint },
): Promise<SentEvent | undefined> {
  const { rows } = await executor.query<SentEvent>(firstSql, [
    topic,
    partition,
    windows.after.toString(),
    windows.upTo.toString(),
    count,
  ]);
  return rows[0];
}
