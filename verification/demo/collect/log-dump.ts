import type { Executor } from '@convergekit/postgres';
import type { LogRecord } from '../audit/facts.ts';
import { recordsOf } from './record-batch.ts';

const allSql = `
  select t.name as topic, b.partition, b.last_offset - b.records + 1 as base, b.bytes
    from converge_log.batch b join converge_log.topic t on t.id = b.topic_id
   where t.name = any ($1::text[]) order by t.name, b.partition, b.last_offset`;

/**
 * Reads all records of the topics from the tables of the local log. No code of the kit's driver takes part: the batches
 * are decoded here.
 */
export async function dumpLog(executor: Executor, topics: readonly string[]): Promise<readonly LogRecord[]> {
  const { rows } = await executor.query<{ topic: string; partition: number; base: string; bytes: Buffer }>(
    allSql,
    [topics],
  );
  return rows.flatMap(({ topic, partition, base, bytes }) =>
    recordsOf(bytes).map((record, at) => ({
      topic,
      partition,
      offset: BigInt(base) + BigInt(at),
      ...record,
    })),
  );
}
