import { setImmediate as nextTurn } from 'node:timers/promises';
import { MOST_RECORDS } from '@convergekit/broker/engine';

export const MAX_BATCH_BYTES = 67_108_864;
/** What is decoded without a pause: some 20 ms of work. */
const UNPAUSED = { records: 16_384, bytes: 4_194_304 } as const;

/** What one batch used up. `work`: the bytes that were gone through, compressed or not. */
export interface Spent {
  readonly records: number;
  readonly bytes: number;
  readonly work: number;
}

/**
 * The budget of one fetch: records, and decompressed bytes. It bounds each batch, and about as much all. Headers need no
 * budget, since they are decoded for one record at a time. It also counts what was done since the event loop last turned.
 */
export class DecodeBudget {
  readonly maxBatchBytes: number;
  #bytes: number;
  #records: number = MOST_RECORDS;
  #recordsSince = 0;
  #bytesSince = 0;

  constructor(maxBatchBytes = MAX_BATCH_BYTES) {
    this.maxBatchBytes = maxBatchBytes;
    this.#bytes = maxBatchBytes;
  }

  /** True when the remaining batches are left for the next fetch. */
  get spent(): boolean {
    return this.#bytes <= 0 || this.#records <= 0;
  }

  /** True for a batch that this fetch can hold, and for one that none can. */
  fits(records: number): boolean {
    return records <= this.#records || records > MOST_RECORDS;
  }

  spend({ records, bytes, work }: Spent): void {
    this.#records -= records;
    this.#bytes -= bytes;
    this.#recordsSince += records;
    this.#bytesSince += work;
  }

  get isPauseDue(): boolean {
    return this.#recordsSince >= UNPAUSED.records || this.#bytesSince >= UNPAUSED.bytes;
  }

  /** Lets the event loop turn. */
  async pause(): Promise<void> {
    this.#recordsSince = 0;
    this.#bytesSince = 0;
    await nextTurn();
  }
}

/** The decompressed size exceeds the bound. */
export class TooLarge extends RangeError {
  constructor(limit: number) {
    super(`its records are more than ${limit} bytes (maxBatchBytes)`);
    this.name = 'TooLarge';
  }
}
