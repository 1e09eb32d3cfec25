import { kafkaBroker } from '@convergekit/kafka';

/** One record as it lies in the log, text decoded as UTF-8. */
export interface DumpedRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  /** Of a name that repeats, the last one. */
  readonly headers: Readonly<Record<string, string | null>>;
}

/** Everything that is in `topic` now, partition by partition, in order of offset. Rejects when there is no such topic. */
export async function dumpTopic(brokers: string, topic: string): Promise<readonly DumpedRecord[]> {
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'converge-testing' });
  try {
    const admin = await broker.admin();
    const records: DumpedRecord[] = [];
    for (const { partition, earliest, latest } of await admin.logEnds(topic))
      for await (const { offset, timestampMs, key, value, headers } of admin.read(
        topic,
        partition,
        earliest,
        latest,
      ))
        records.push({
          partition,
          offset,
          timestampMs,
          key: key?.toString() ?? null,
          value: value?.toString() ?? null,
          headers: Object.fromEntries(headers.map(([name, content]) => [name, content?.toString() ?? null])),
        });
    return records;
  } finally {
    await broker.close();
  }
}
