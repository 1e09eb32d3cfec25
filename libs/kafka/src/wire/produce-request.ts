import { ByteReader, type OutgoingBatch } from '@convergekit/broker/engine';
import { ByteWriter } from './byte-writer.ts';
import type { Exchange } from './connection.ts';
import { readTopics, type TopicPartition } from './exchange.ts';

/** An encoded batch of one partition. */
export interface EncodedBatch {
  readonly batch: OutgoingBatch;
  readonly bytes: Buffer;
}

export interface ProduceAnswer {
  readonly errorCode: number;
  readonly baseOffset: bigint;
}

/** Produce, version 7: acks=-1, no transaction. A broker takes one batch for each partition in a request. */
export function produceRequest(
  batches: readonly EncodedBatch[],
  timeoutMs: number,
): Exchange<readonly TopicPartition<ProduceAnswer>[]> {
  const byTopic = Map.groupBy(batches, ({ batch }) => batch.topic);
  const body: Buffer[] = [];
  // The broker's time-out is shorter than the client's, so that its answer still arrives.
  let head = new ByteWriter()
    .string(null)
    .int16(-1)
    .int32(Math.ceil(timeoutMs / 2))
    .int32(byTopic.size);
  for (const [topic, partitions] of byTopic) {
    head.string(topic).int32(partitions.length);
    for (const { batch, bytes } of partitions) {
      head.int32(batch.partition).int32(bytes.length);
      body.push(head.finish(), bytes);
      head = new ByteWriter();
    }
  }
  return { apiKey: 0, apiVersion: 7, name: 'Produce', body, timeoutMs, writes: true, read: produceResponse };
}

function produceResponse(payload: Buffer): readonly TopicPartition<ProduceAnswer>[] {
  const reader = new ByteReader(payload);
  return readTopics(reader, () => {
    const answer = { errorCode: reader.int16(), baseOffset: reader.int64() };
    // Append time and log start: unused.
    reader.bytes(16);
    return answer;
  });
}
