import type { Assignment, BrokerError, IncomingBatch, PartitionControl, StartAt } from '../broker.ts';
import type { FetchedRecords } from './link.ts';

export interface FlowHooks {
  batch(batch: IncomingBatch, control: PartitionControl): Promise<void>;
  placeLost(place: Assignment, error: BrokerError, control: PartitionControl): Promise<void>;
  commit(place: Assignment, offset: bigint): Promise<void>;
  /** A fetch may have become due. */
  wake(): void;
  /** Reports that the handler rejected; ends the consumer. */
  failed(error: unknown): void;
}

/** The number of fetches of a batch with a wrong checksum before it counts as undecodable. */
export const FETCHES_OF_DAMAGED = 3;

/** The batch fetched ahead accepts further fetches below both limits. */
const MOST_AHEAD = { records: 100, bytes: 65_536 } as const;

/** The position of a fetch when it was sent. */
export interface Asked {
  readonly turn: number;
  readonly offset: bigint;
}

/**
 * A partition during one membership: its position, the batch in progress, and one batch fetched ahead. Fetching and
 * handling overlap: few records ahead grow by further fetches, so that a slow handler does not end long waits. The
 * `turn` counts seeks: a fetch that began before a seek is dropped.
 */
export class PartitionFlow {
  readonly place: Assignment;
  readonly control: PartitionControl;
  readonly #hooks: FlowHooks;
  readonly #abort = new AbortController();
  #position: StartAt = 'committed';
  #answers = 0;
  #damaged = { at: -1n, times: 0 };
  #turn = 0;
  #started = false;
  #paused = false;
  #ahead: IncomingBatch | undefined;
  #aheadBytes = 0;
  #running: Promise<void> | undefined;
  #isFew = false;
  #lost: { readonly error: BrokerError; reported: boolean } | undefined;

  constructor(place: Assignment, hooks: FlowHooks) {
    this.place = place;
    this.#hooks = hooks;
    this.control = {
      seek: (offset) => this.#seek(offset),
      pause: () => {
        this.#paused = true;
      },
      resume: () => {
        this.#paused = false;
        this.#deliver();
        this.#hooks.wake();
      },
      commit: (offset) => this.#hooks.commit(place, offset),
      signal: this.#abort.signal,
    };
  }

  /** Begins delivery at a position. */
  start(at: StartAt): void {
    if (this.#turn === 0) this.#position = at;
    this.#started = true;
    this.#deliver();
    this.#hooks.wake();
  }

  /** Stops delivery. Resolves when the batch in progress has ended. */
  close(): Promise<void> {
    this.#abort.abort();
    this.#ahead = undefined;
    return this.#running ?? Promise.resolve();
  }

  get open(): boolean {
    return !this.#abort.signal.aborted;
  }

  /** The demand of the partition in the next fetch. `busy`: enough is fetched ahead. */
  get demand(): 'none' | 'busy' | 'fetchable' {
    if (!this.#started || this.#paused || this.#lost !== undefined || !this.open) return 'none';
    if (this.#ahead === undefined) return 'fetchable';
    const { length } = this.#ahead.records;
    return length < MOST_AHEAD.records && this.#aheadBytes < MOST_AHEAD.bytes ? 'fetchable' : 'busy';
  }

  /** The batch in progress if it has few records; it never rejects. */
  get few(): Promise<void> | undefined {
    return this.#isFew ? this.#running : undefined;
  }

  /** Number of answers with records, or with the end of the log. */
  get answers(): number {
    return this.#answers;
  }

  get position(): StartAt {
    return this.#position;
  }

  get turn(): number {
    return this.#turn;
  }

  /** Sets the offset of a named position ('earliest', …); ignored after a seek. */
  resolved(offset: bigint, turn: number): void {
    if (turn === this.#turn) this.#position = offset;
  }

  /** False once the partition has moved: after a change of leaders, two brokers may answer for one position. */
  isAt({ turn, offset }: Asked): boolean {
    return turn === this.#turn && offset === this.#position;
  }

  /** Takes an answer, which must be for the present position. */
  accept(fetched: FetchedRecords, asked: Asked): void {
    if (!this.isAt(asked) || this.#lost !== undefined || !this.open) return;
    if (fetched.nextOffset !== this.#position || fetched.highWatermark <= fetched.nextOffset)
      this.#answers += 1;
    this.#position = fetched.nextOffset;
    if (fetched.records.length === 0) return;
    const before = this.#ahead;
    this.#aheadBytes = fetched.bytes + (before === undefined ? 0 : this.#aheadBytes);
    const records = before === undefined ? fetched.records : [...before.records, ...fetched.records];
    this.#ahead = { ...this.place, records, highWatermark: fetched.highWatermark };
    this.#deliver();
  }

  /** True when a damaged batch is fetched again: damage by the network is then gone, damage on disk is not. */
  fetchAgain({ damaged, nextOffset }: FetchedRecords): boolean {
    if (damaged !== true) return false;
    this.#damaged =
      this.#damaged.at === nextOffset
        ? { at: nextOffset, times: this.#damaged.times + 1 }
        : { at: nextOffset, times: 1 };
    return this.#damaged.times < FETCHES_OF_DAMAGED;
  }

  /** Marks the position as invalid in the log: nothing is fetched until a seek. */
  lose(error: BrokerError): void {
    this.#lost ??= { error, reported: false };
    this.#deliver();
  }

  #seek(offset: bigint | 'earliest'): void {
    this.#turn += 1;
    this.#lost = undefined;
    this.#position = offset;
    this.#ahead = undefined;
    this.#hooks.wake();
  }

  #deliver(): void {
    if (this.#running !== undefined || !this.#started || !this.open) return;
    const batch = this.#ahead;
    if (batch !== undefined) {
      if (this.#paused) return;
      this.#ahead = undefined;
      this.#isFew = batch.records.length < MOST_AHEAD.records;
      this.#hooks.wake();
      this.#running = this.#run(() => this.#hooks.batch(batch, this.control));
    } else if (this.#lost?.reported === false) {
      const { error } = this.#lost;
      this.#lost.reported = true;
      this.#running = this.#run(() => this.#hooks.placeLost(this.place, error, this.control));
    }
  }

  async #run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#hooks.failed(error);
      this.#abort.abort();
    }
    this.#running = undefined;
    this.#deliver();
  }
}
