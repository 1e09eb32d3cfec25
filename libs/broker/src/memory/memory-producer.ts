import {
  type Assignment,
  BrokerError,
  type BrokerErrorDetail,
  type OutgoingBatch,
  type Producer,
  type SendResult,
} from '../broker.ts';
import { producerClosed } from '../errors.ts';
import { SendOutcome } from '../send-outcome.ts';
import type { MemoryLog } from './memory-log.ts';

/** A failure of the next matching batches. */
export interface SendFault extends Partial<Pick<BrokerErrorDetail, 'code' | 'kind' | 'certainty'>> {
  /** The topic whose sends are concerned; undefined: all. */
  readonly topic?: string;
  /** The partition whose sends are concerned; undefined: all. */
  readonly partition?: number;
  /** The records are written all the same, as when the acknowledgement is lost. @default false */
  readonly applied?: boolean;
  /** The number of batches that fail. @default 1 */
  readonly times?: number;
}

export class MemoryProducer implements Producer {
  readonly #log: MemoryLog;
  readonly #faults: SendFault[];
  readonly #reach: (place?: Assignment) => void;
  #closed = false;

  constructor(log: MemoryLog, faults: SendFault[], reach: (place?: Assignment) => void) {
    this.#log = log;
    this.#faults = faults;
    this.#reach = reach;
  }

  async send(batches: readonly OutgoingBatch[]): Promise<readonly SendResult[]> {
    await Promise.resolve();
    const outcome = new SendOutcome();
    for (const [index, batch] of batches.entries()) {
      const numbered = { index, batch };
      if (outcome.passesOver(numbered)) continue;
      try {
        outcome.written(numbered, this.#write(batch));
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        outcome.failed(numbered, error);
      }
    }
    return outcome.results;
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** Appends a batch and returns its first offset. */
  #write(batch: OutgoingBatch): bigint {
    const { topic, partition } = batch;
    if (this.#closed) throw producerClosed(batch);
    this.#reach(batch);
    const fault = this.#takeFault(batch);
    if (fault === undefined) return this.#log.append(batch);
    if (fault.applied === true) this.#log.append(batch);
    throw new BrokerError(`the write to ${topic}/${partition} failed, as the test asked for`, {
      code: fault.code ?? 'NOT_LEADER',
      kind: fault.kind ?? 'retry',
      certainty: fault.certainty ?? (fault.applied === true ? 'unknown' : 'not_applied'),
      topic,
      partition,
    });
  }

  #takeFault(batch: OutgoingBatch): SendFault | undefined {
    const index = this.#faults.findIndex(
      ({ topic, partition }) =>
        (topic === undefined || topic === batch.topic) &&
        (partition === undefined || partition === batch.partition),
    );
    return index < 0 ? undefined : this.#faults.splice(index, 1)[0];
  }
}
