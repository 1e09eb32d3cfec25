import { memoryBroker } from '@convergekit/testing';

/** Writes a record and reads it back, without Kafka: the same calls work on `kafkaBroker`. */
export async function roundTrip(): Promise<string | undefined> {
  const broker = memoryBroker();
  const admin = await broker.admin();
  await admin.createTopic({ name: 'orders', partitions: 1 });
  const producer = await broker.producer();
  const record = { key: 'o-1', value: 'placed', headers: [], timestampMs: 1_700_000_000_000 };
  const [result] = await producer.send([{ topic: 'orders', partition: 0, records: [record] }]);
  if (result?.ok !== true) throw result?.error ?? new Error('no result');
  for await (const { value } of admin.read('orders', 0, 0n, 1n)) return value?.toString();
  return undefined;
}
