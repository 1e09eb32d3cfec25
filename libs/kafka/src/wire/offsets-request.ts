import { type Assignment, BrokerError } from '@convergekit/broker/engine';
import type { BrokerLink } from './broker-link.ts';
import { ByteWriter } from './byte-writer.ts';
import { OK } from './error-codes.ts';
import { protocolError } from './errors.ts';
import { exchange, readTopics, writeTopics } from './exchange.ts';

/** An end of a log; `stable` is the end before the first open transaction. */
export type LogEnd = 'earliest' | 'latest' | 'stable';

/**
 * Asks for the same end of partitions of one topic and one leader, in `timeoutMs` or the link's time. An error names its
 * partition.
 */
export function readEnds(
  link: BrokerLink,
  topic: string,
  partitions: readonly number[],
  end: LogEnd,
  timeoutMs?: number,
): Promise<ReadonlyMap<number, bigint | BrokerError>> {
  const body = new ByteWriter().int32(-1).int8(end === 'stable' ? 1 : 0);
  const places = partitions.map((partition) => ({ topic, partition }));
  writeTopics(body, places, () => void body.int64(end === 'earliest' ? -2n : -1n));
  const request = {
    apiKey: 2,
    apiVersion: 2,
    name: 'ListOffsets',
    right: { operation: 'Describe', on: 'topic', name: topic } as const,
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
  const question = exchange(request, body, (reader, context) => {
    const answers = readTopics(reader, (_, partition) => {
      const errorCode = reader.int16();
      reader.int64();
      const offset = reader.int64();
      return errorCode === OK ? offset : protocolError(errorCode, { ...context, topic, partition });
    });
    return new Map(answers.map(({ partition, value }) => [partition, value]));
  });
  return link.call(`asking for the ${end} offsets of ${topic}`, question);
}

/** Asks for an end of one partition; throws the partition's error. */
export async function readEnd(
  link: BrokerLink,
  { topic, partition }: Assignment,
  end: LogEnd,
): Promise<bigint> {
  const found = (await readEnds(link, topic, [partition], end)).get(partition) ?? 0n;
  if (found instanceof BrokerError) throw found;
  return found;
}
