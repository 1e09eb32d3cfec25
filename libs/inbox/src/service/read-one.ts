import type { Admin, IncomingRecord } from '@convergekit/kafka';

/** The record at one place of the log; undefined where the log does not have it. Rejects when the broker does not answer. */
export async function readOne(
  admin: Pick<Admin, 'logEnds' | 'read'>,
  { topic, partition, offset }: Pick<IncomingRecord, 'topic' | 'partition' | 'offset'>,
): Promise<IncomingRecord | undefined> {
  const ends = (await admin.logEnds(topic)).find((one) => one.partition === partition);
  if (ends === undefined || offset < ends.earliest || offset >= ends.latest) return undefined;
  for await (const record of admin.read(topic, partition, offset, offset + 1n))
    if (record.offset === offset) return record;
  return undefined;
}
