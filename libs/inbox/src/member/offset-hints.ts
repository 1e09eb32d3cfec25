import type { PartitionControl } from '@convergekit/broker/engine';
import { type Clock, endsWithin } from '@convergekit/core';
import type { Partition } from '../slice/partition.ts';

/** The time from a change of position to its commit in Kafka, in milliseconds: one commit for all changes in it. */
const HINT_MS = 1_000;
/** The time that giving up a partition waits for its last commit, in milliseconds. */
const LEAVE_MS = 1_000;

type Positioned = Pick<Partition, 'saved'>;

/**
 * Commits saved positions in Kafka: hints for tools that show lag. The database decides where to continue, so a failed
 * commit costs nothing, and no slice waits for one.
 */
export class OffsetHints {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #controls = new WeakMap<Positioned, PartitionControl>();
  readonly #timed = new WeakSet<Positioned>();
  readonly #sent = new WeakMap<Positioned, bigint>();

  /** No timer fires after the signal: giving up a partition commits what is left. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Has the position of a partition committed soon. */
  async later(partition: Positioned, control: PartitionControl): Promise<void> {
    this.#controls.set(partition, control);
    if (this.#timed.has(partition)) return;
    this.#timed.add(partition);
    await this.#clock.sleep(HINT_MS, this.#signal);
    this.#timed.delete(partition);
    if (!this.#signal.aborted && !control.signal.aborted) await this.#send(partition, control);
  }

  /** Commits the last position of a partition that is given up. Waits for a bounded time; never rejects. */
  async leave(partition: Positioned): Promise<void> {
    const control = this.#controls.get(partition);
    if (control !== undefined) await endsWithin(this.#send(partition, control), LEAVE_MS, this.#clock);
  }

  async #send(partition: Positioned, control: PartitionControl): Promise<void> {
    const { nextOffset } = partition.saved;
    if (this.#sent.get(partition) === nextOffset) return;
    this.#sent.set(partition, nextOffset);
    await control.commit(nextOffset).catch(() => void this.#sent.delete(partition));
  }
}
