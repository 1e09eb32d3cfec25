import { type BrokerError, type OutgoingBatch, type SendResult, partitionId } from '../broker.ts';
import { earlierFailed, placed } from '../send-errors.ts';

/** A batch and its place in the send. */
export interface Numbered {
  readonly index: number;
  readonly batch: OutgoingBatch;
}

/** Collects the results of one send; a partition's first failure also fails what comes after it there. */
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

  /** Fails it too when an earlier batch of its partition has failed. */
  failsWithEarlier(numbered: Numbered, error: BrokerError | undefined): boolean {
    const { topic, partition } = numbered.batch;
    if (error === undefined && !this.#failed.has(partitionId(topic, partition))) return false;
    this.failed(numbered, error ?? earlierFailed(numbered.batch));
    return true;
  }
}
