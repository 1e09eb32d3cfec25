import type { Position } from '@converge/contracts';
import type { Executor } from '@converge/postgres';
import type { Seen } from '../decide/judge.ts';
import type { PartitionKey } from './fence.ts';

const readSql = `
  select topic, partition, source, epoch, tick, id from converge.inbox_watermark
   where consumer = $1 and (topic, partition) in (select * from unnest($2::text[], $3::int[]))`;

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly source: string;
  readonly epoch: number;
  readonly tick: string;
  readonly id: string;
}

/** Watermarks of some partitions: `topic/partition` → source → what is known of it. */
export async function readWatermarks(
  executor: Executor,
  consumer: string,
  partitions: readonly Omit<PartitionKey, 'consumer'>[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, Seen>>> {
  const topics = partitions.map(({ topic }) => topic);
  const numbers = partitions.map(({ partition }) => partition);
  const { rows } = await executor.query<Row>(readSql, [consumer, topics, numbers]);
  const all = new Map<string, Map<string, Map<number, Position>>>();
  for (const { topic, partition, source, epoch, tick, id } of rows) {
    const sources = getOrAdd(all, `${topic}/${partition}`, () => new Map<string, Map<number, Position>>());
    getOrAdd(sources, source, () => new Map()).set(epoch, { epoch, tick: BigInt(tick), id: BigInt(id) });
  }
  return all;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
