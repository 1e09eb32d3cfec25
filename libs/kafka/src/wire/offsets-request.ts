import { BrokerError, ByteReader, type Isolation } from '@convergekit/broker/engine';
import { ByteWriter } from './byte-writer.ts';
import { OK } from './error-codes.ts';
import { protocolError } from './errors.ts';
import type { Exchange } from './connection.ts';
import { readTopics, writeTopics } from './exchange.ts';

/** An end of a log; `stable` is the end before the first open transaction. */
export type LogEnd = 'earliest' | 'latest' | 'stable';

/** ListOffsets, version 2, for partitions of one topic and one leader. An error names its partition. */
export function listOffsets(
  topic: string,
  partitions: readonly number[],
  end: LogEnd,
): Exchange<ReadonlyMap<number, bigint | BrokerError>> {
  const body = new ByteWriter().int32(-1).int8(end === 'stable' ? 1 : 0);
  const places = partitions.map((partition) => ({ topic, partition }));
  writeTopics(body, places, () => void body.int64(end === 'earliest' ? -2n : -1n));
  return {
    apiKey: 2,
    apiVersion: 2,
    name: 'ListOffsets',
    body: [body.finish()],
    read(payload, doing) {
      const reader = new ByteReader(payload, 4);
      const answers = readTopics(reader, (_, partition) => {
        const errorCode = reader.int16();
        reader.int64();
        const offset = reader.int64();
        return errorCode === OK ? offset : protocolError(errorCode, { doing, topic, partition });
      });
      return new Map(answers.map(({ partition, value }) => [partition, value]));
    },
  };
}

/** Returns the offset of one partition; throws the partition's error. */
export function offsetIn(answer: ReadonlyMap<number, bigint | BrokerError>, partition: number): bigint {
  const found = answer.get(partition) ?? 0n;
  if (found instanceof BrokerError) throw found;
  return found;
}

/** The beginning of the message of a refusal. */
export function askingEnd(topic: string, end: LogEnd): string {
  return `asking for the ${end} offsets of ${topic}`;
}

export function least(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

export function greatest(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}

/** The end up to which a read of this isolation goes. */
export function latestOf(isolation: Isolation): LogEnd {
  return isolation === 'committed' ? 'stable' : 'latest';
}
