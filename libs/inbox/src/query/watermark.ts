import type { Position } from '@converge/contracts';
import type { Executor } from '@converge/postgres';
import type { Seen } from '../decide/judge.ts';
import type { PartitionKey } from './fence.ts';

/** One row per source and epoch of the slice, nearly always one. Guarded by the fence: nobody else writes these rows. */
const moveSql = `
  insert into converge.inbox_watermark (consumer, topic, partition, source, epoch, tick, id)
  select $1, $2, $3, m.source, m.epoch, m.tick, m.id
    from unnest($4::uuid[], $5::int[], $6::bigint[], $7::bigint[]) as m(source, epoch, tick, id)
  on conflict (consumer, topic, partition, source, epoch) do update set tick = excluded.tick, id = excluded.id`;

export interface MovedMark {
  readonly source: string;
  readonly position: Position;
}

/** The marks must be of distinct sources and epochs. */
export async function moveWatermarks(
  tx: Executor,
  key: PartitionKey,
  marks: readonly MovedMark[],
): Promise<void> {
  if (marks.length === 0) return;
  await tx.query(moveSql, [
    key.consumer,
    key.topic,
    key.partition,
    marks.map(({ source }) => source),
    marks.map(({ position }) => position.epoch),
    marks.map(({ position }) => `${position.tick}`),
    marks.map(({ position }) => `${position.id}`),
  ]);
}

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
