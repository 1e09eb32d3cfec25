import type { Assignment, BrokerError, IncomingBatch, PartitionControl, StartAt } from '../broker.ts';
import type { FetchedRecords } from './link.ts';

export interface FlowHooks {
  batch(batch: IncomingBatch, control: PartitionControl): Promise<void>;
  placeLost(place: Assignment, error: BrokerError, control: PartitionControl): Promise<void>;
  commit(place: Assignment, offset: bigint): Promise<void>;
  /** Something changed that may make a fetch due. */
  wake(): void;
  /** The handler rejected. */
  failed(error: unknown): void;
}

/** A batch with a wrong checksum is given up as undecodable when it came so often. */
export const FETCHES_OF_DAMAGED = 3;

/**
 * One partition during one membership: where it stands, the batch being handled, and one more fetched ahead so that
 * fetching and handling overlap. The `turn` counts seeks: what was fetched before a seek is thrown away.
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
  #running: Promise<void> | undefined;
  #lost: { readonly error: BrokerError; told: boolean } | undefined;

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

  /** Batches may come from now on. */
  start(at: StartAt): void {
    if (this.#turn === 0) this.#position = at;
    this.#started = true;
    this.#deliver();
    this.#hooks.wake();
  }

  /** After it no further batch begins. Resolves when the one in progress has ended. */
  close(): Promise<void> {
    this.#abort.abort();
    this.#ahead = undefined;
    return this.#running ?? Promise.resolve();
  }

  get open(): boolean {
    return !this.#abort.signal.aborted;
  }

  /** `busy`: it would be fetched if its batch fetched ahead were taken. */
  get demand(): 'none' | 'busy' | 'fetchable' {
    if (!this.#started || this.#paused || this.#lost !== undefined || !this.open) return 'none';
    return this.#ahead === undefined ? 'fetchable' : 'busy';
  }

  /** Counts answers that brought something, or said that there is nothing. */
  get answers(): number {
    return this.#answers;
  }

  get position(): StartAt {
    return this.#position;
  }

  get turn(): number {
    return this.#turn;
  }

  /** The offset that a name ('earliest', …) stands for; ignored when a seek came in between. */
  resolved(offset: bigint, turn: number): void {
    if (turn === this.#turn) this.#position = offset;
  }

  accept(fetched: FetchedRecords, turn: number): void {
    if (turn !== this.#turn || this.#lost !== undefined || !this.open) return;
    if (fetched.nextOffset !== this.#position || fetched.highWatermark <= fetched.nextOffset)
      this.#answers += 1;
    this.#position = fetched.nextOffset;
    if (fetched.records.length === 0) return;
    this.#ahead = { ...this.place, records: fetched.records, highWatermark: fetched.highWatermark };
    this.#deliver();
  }

  /** Whether a damaged batch is fetched again: what the network spoilt is whole then, what the disk spoilt is not. */
  fetchAgain({ damaged, nextOffset }: FetchedRecords): boolean {
    if (damaged !== true) return false;
    this.#damaged =
      this.#damaged.at === nextOffset
        ? { at: nextOffset, times: this.#damaged.times + 1 }
        : { at: nextOffset, times: 1 };
    return this.#damaged.times < FETCHES_OF_DAMAGED;
  }

  /** Its position means nothing in the log: nothing is fetched until a seek. */
  lose(error: BrokerError): void {
    this.#lost ??= { error, told: false };
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
      this.#hooks.wake();
      this.#running = this.#run(() => this.#hooks.batch(batch, this.control));
    } else if (this.#lost?.told === false) {
      const { error } = this.#lost;
      this.#lost.told = true;
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
