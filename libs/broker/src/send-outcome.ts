import { type OutgoingBatch, partitionId, type SendResult } from './broker.ts';
import { batchEmpty, type BrokerError, earlierFailed, errorAt } from './errors.ts';

/** A batch and its index in a send. */
export interface NumberedBatch {
  readonly index: number;
  readonly batch: OutgoingBatch;
}

/** Collects the results of one send. The first failure of a partition also fails its later batches; a result stays. */
export class SendOutcome {
  readonly results: SendResult[] = [];
  readonly #failed = new Set<string>();

  written({ index, batch: { topic, partition } }: NumberedBatch, baseOffset: bigint): void {
    this.results[index] = { topic, partition, ok: true, baseOffset };
  }

  failed(numbered: NumberedBatch, error: BrokerError): void {
    const earlier = this.#hasFailed(numbered.batch) ? earlierFailed(numbered.batch) : undefined;
    this.failedTogether([numbered], earlier ?? error);
  }

  /** Fails the batches of one request, which has one outcome for all: also of several of a partition. */
  failedTogether(request: readonly NumberedBatch[], error: BrokerError): void {
    for (const { index, batch } of request) {
      const { topic, partition } = batch;
      this.#failed.add(partitionId(topic, partition));
      this.results[index] ??= { topic, partition, ok: false, error: errorAt(error, batch) };
    }
  }

  /** Fails a batch without records, and one whose partition has failed before in this send: written now, it would overtake. */
  passesOver(numbered: NumberedBatch): boolean {
    const { batch } = numbered;
    if (batch.records.length > 0 && !this.#hasFailed(batch)) return false;
    this.failed(numbered, batchEmpty(batch));
    return true;
  }

  #hasFailed({ topic, partition }: OutgoingBatch): boolean {
    return this.#failed.has(partitionId(topic, partition));
  }
}
