import { kafkajsBroker, type IncomingRecord } from '@converge/kafka';

/** Everything in a topic now, partition by partition. */
export async function recordsOf(brokers: string, topic: string): Promise<readonly IncomingRecord[]> {
  const broker = kafkajsBroker({ brokers: brokers.split(','), clientId: 'converge-cli-test' });
  try {
    const admin = await broker.admin();
    const records: IncomingRecord[] = [];
    for (const { partition, earliest, latest } of await admin.logEnds(topic))
      for await (const record of admin.read(topic, partition, earliest, latest)) records.push(record);
    return records;
  } finally {
    await broker.close();
  }
}

export function headerOf(record: IncomingRecord, name: string): string | undefined {
  return record.headers.find(([header]) => header === name)?.[1]?.toString();
}
