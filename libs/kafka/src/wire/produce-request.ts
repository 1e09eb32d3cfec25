import {
  type BrokerError,
  ByteReader,
  earlierFailed,
  type OutgoingBatch,
  partitionId,
  placed,
  type SendResult,
} from '@convergekit/broker/engine';
import { ByteWriter } from './byte-writer.ts';
import type { Request } from './connection.ts';

/** An encoded batch of one partition. */
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
        // Append time and log start: unused.
        reader.bytes(16);
        return answer;
      });
    })
    .flat();
}

/** A batch and the batch's index in the send. */
export interface Numbered {
  readonly index: number;
  readonly batch: OutgoingBatch;
}

/** Collects the results of one send; the first failure of a partition also fails its later batches. */
export class SendOutcome {
  readonly results: SendResult[] = [];
  readonly #failed = new Set<string>();

  written({ index, batch: { topic, partition } }: Numbered, baseOffset: bigint): void {
    this.results[index] = { topic, partition, ok: true, baseOffset };
  }

  failed({ index, batch }: Numbered, error: BrokerError): void {
    const { topic, partition } = batch;
    const first = !this.#failed.has(partitionId(topic, partition));
    this.#failed.add(partitionId(topic, partition));
    this.results[index] = {
      topic,
      partition,
      ok: false,
      error: first ? placed(error, batch) : earlierFailed(batch),
    };
  }

  /** Fails a batch for its own error, or for the failure of an earlier batch of the partition. */
  failsWithEarlier(numbered: Numbered, error: BrokerError | undefined): boolean {
    const { topic, partition } = numbered.batch;
    if (error === undefined && !this.#failed.has(partitionId(topic, partition))) return false;
    this.failed(numbered, error ?? earlierFailed(numbered.batch));
    return true;
  }
}
