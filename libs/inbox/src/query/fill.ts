import type { IncomingRecord } from '@convergekit/kafka';
import type { Executor } from '@convergekit/postgres';
import type { FillReading } from '../decide/fill.ts';
import { readRecord } from '../decide/reading.ts';
import type { PartitionKey } from './fence.ts';

const readSql = `
  select source, epoch, tick, id, key, headers, payload, timestamp_ms
    from converge.inbox_fill where consumer = $1 and topic = $2 and partition = $3
   order by source, epoch, tick, id limit $4`;

interface Row {
  readonly source: string;
  readonly epoch: number;
  readonly tick: string;
  readonly id: string;
  readonly key: string;
  readonly headers: string;
  readonly payload: string;
  readonly timestamp_ms: string;
}

/** The first filled events of a partition, by primary key, as records that the log would have held. */
export async function readFill(
  executor: Executor,
  key: PartitionKey,
  limit: number,
): Promise<readonly FillReading[]> {
  const { rows } = await executor.query<Row>(readSql, [key.consumer, key.topic, key.partition, limit]);
  return rows.map((row) => ({
    source: row.source,
    position: { epoch: row.epoch, tick: BigInt(row.tick), id: BigInt(row.id) },
    reading: readRecord(recordOf(key, row)),
  }));
}

function recordOf({ topic, partition }: PartitionKey, row: Row): IncomingRecord {
  const headers = JSON.parse(row.headers) as readonly (readonly [string, string])[];
  return {
    topic,
    partition,
    // It has no place in the log: below zero, and one of its own, wherever an offset is asked for.
    offset: -BigInt(row.id),
    timestampMs: Number(row.timestamp_ms),
    key: Buffer.from(row.key),
    value: Buffer.from(row.payload),
    headers: headers.map(([name, value]) => [name, Buffer.from(value)] as const),
  };
}

const takeSql = `
  delete from converge.inbox_fill f
   using unnest($4::uuid[], $5::int[], $6::bigint[], $7::bigint[]) as t (source, epoch, tick, id)
   where f.consumer = $1 and f.topic = $2 and f.partition = $3
     and f.source = t.source and f.epoch = t.epoch and f.tick = t.tick and f.id = t.id`;

/** Takes filled events out, in the transaction that handles them. False: somebody else did, so nothing may be handled. */
export async function takeFill(
  tx: Executor,
  key: PartitionKey,
  taken: readonly Pick<FillReading, 'source' | 'position'>[],
): Promise<boolean> {
  const { rowCount } = await tx.query(takeSql, [
    key.consumer,
    key.topic,
    key.partition,
    taken.map(({ source }) => source),
    taken.map(({ position }) => position.epoch),
    taken.map(({ position }) => `${position.tick}`),
    taken.map(({ position }) => `${position.id}`),
  ]);
  return rowCount === taken.length;
}
