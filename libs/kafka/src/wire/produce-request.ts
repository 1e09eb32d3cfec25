import type { OutgoingBatch } from '../broker.ts';
import { ByteReader, ByteWriter } from '../bytes.ts';
import type { Request } from './connection.ts';

/** One partition's batch in a request, already encoded. */
export interface EncodedBatch {
  readonly batch: OutgoingBatch;
  readonly bytes: Buffer;
}

export interface ProduceAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: bigint;
}

/** Produce, version 7: acks=-1, no transaction. A broker takes one batch for each partition in a request. */
export function produceRequest(batches: readonly EncodedBatch[], timeoutMs: number): Request {
  const byTopic = Map.groupBy(batches, ({ batch }) => batch.topic);
  const body: Buffer[] = [];
  // The broker gives up before we do, so that its answer still arrives.
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
  return { apiKey: 0, apiVersion: 7, name: 'Produce', body, timeoutMs, writes: true };
}

export function produceResponse(payload: Buffer): readonly ProduceAnswer[] {
  const reader = new ByteReader(payload);
  return reader
    .array(() => {
      const topic = reader.string();
      return reader.array(() => {
        const answer = {
          topic,
          partition: reader.int32(),
          errorCode: reader.int16(),
          baseOffset: reader.int64(),
        };
        // Append time and log start: nothing to us.
        reader.bytes(16);
        return answer;
      });
    })
    .flat();
}
