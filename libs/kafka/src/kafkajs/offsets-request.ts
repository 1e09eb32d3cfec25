import { ByteReader, ByteWriter } from '../bytes.ts';
import type { BrokerLink } from './broker-link.ts';
import { OK } from './error-codes.ts';
import { protocolError } from './errors.ts';

/** ListOffsets, version 2, for one topic's partitions that one broker leads. Rejects when one of them fails. */
export async function listOffsets(
  link: BrokerLink,
  topic: string,
  partitions: readonly number[],
  end: 'earliest' | 'latest',
): Promise<ReadonlyMap<number, bigint>> {
  const body = new ByteWriter().int32(-1).int8(0).int32(1).string(topic).int32(partitions.length);
  for (const partition of partitions) body.int32(partition).int64(end === 'earliest' ? -2n : -1n);
  const payload = await link.send({ apiKey: 2, apiVersion: 2, name: 'ListOffsets', body: [body.finish()] });
  const reader = new ByteReader(payload);
  reader.int32();
  const answers = reader
    .array(() => {
      reader.string();
      return reader.array(() => {
        const partition = reader.int32();
        const errorCode = reader.int16();
        reader.int64();
        return { partition, errorCode, offset: reader.int64() };
      });
    })
    .flat();
  for (const { partition, errorCode } of answers)
    if (errorCode !== OK)
      throw protocolError(errorCode, {
        doing: `asking for the ${end} offset of ${topic}/${partition}`,
        topic,
        partition,
      });
  return new Map(answers.map(({ partition, offset }) => [partition, offset]));
}
