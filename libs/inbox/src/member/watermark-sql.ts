import type { Executor } from '@convergekit/postgres';
import type { LastEvent, Seen, Watermark } from '../plan/judge.ts';
import type { PartitionKey } from '../slice/fence-sql.ts';

const readSql = `
  select topic, partition, source, epoch, tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id,
         newest_ms, unknown_until
    from converge.inbox_watermark
   where consumer = $1 and (topic, partition) in (select * from unnest($2::text[], $3::int[]))`;

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly source: string;
  readonly epoch: number;
  readonly tick: string;
  readonly id: string;
  readonly seen_offset: string | null;
  readonly seen_event: string | null;
  readonly prev_epoch: number | null;
  readonly prev_tick: string | null;
  readonly prev_id: string | null;
  readonly newest_ms: string | null;
  readonly unknown_until: string | null;
}

/** Reads the watermarks of partitions: `topic/partition` → source → watermark by epoch. */
export async function readWatermarks(
  executor: Executor,
  consumer: string,
  partitions: readonly Omit<PartitionKey, 'consumer'>[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, Seen>>> {
  const topics = partitions.map(({ topic }) => topic);
  const numbers = partitions.map(({ partition }) => partition);
  const { rows } = await executor.query<Row>(readSql, [consumer, topics, numbers]);
  const all = new Map<string, Map<string, Map<number, Watermark>>>();
  for (const row of rows) {
    const { topic, partition, source, epoch, tick, id } = row;
    const sources = getOrAdd(all, `${topic}/${partition}`, () => new Map<string, Map<number, Watermark>>());
    getOrAdd(sources, source, () => new Map()).set(epoch, {
      epoch,
      tick: BigInt(tick),
      id: BigInt(id),
      last: lastOf(row),
    });
  }
  return all;
}

function lastOf(row: Row): LastEvent | undefined {
  const { prev_epoch: epoch, prev_tick: tick, prev_id: id } = row;
  if (row.seen_offset === null) return undefined;
  return {
    offset: BigInt(row.seen_offset),
    id: row.seen_event ?? undefined,
    prev:
      epoch === null || tick === null || id === null
        ? undefined
        : { epoch, tick: BigInt(tick), id: BigInt(id) },
    newestMs: Number(row.newest_ms ?? 0),
    unknownUntilMs: Number(row.unknown_until ?? 0),
  };
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
