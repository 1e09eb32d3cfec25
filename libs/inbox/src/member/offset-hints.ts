import type { PartitionControl } from '@convergekit/broker/engine';
import { type Clock, endsWithin } from '@convergekit/core';
import type { Partition } from '../slice/partition.ts';

/** The time from a change of a position to the commit of all that changed in it, in milliseconds: one request. */
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
  /** Partitions whose position may have changed since the last commit. */
  readonly #changed = new Set<Positioned>();
  #isTimed = false;
  readonly #controls = new WeakMap<Positioned, PartitionControl>();
  readonly #sent = new WeakMap<Positioned, bigint>();

  /** No timer fires after the signal: giving up a partition commits what is left. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Has the position of a partition committed soon, with those of the member's other partitions. */
  async later(partition: Positioned, control: PartitionControl): Promise<void> {
    this.#controls.set(partition, control);
    this.#changed.add(partition);
    if (this.#isTimed) return;
    this.#isTimed = true;
    await this.#clock.sleep(HINT_MS, this.#signal);
    this.#isTimed = false;
    const changed = [...this.#changed];
    this.#changed.clear();
    // The client sends the commits of one turn of the event loop as one request.
    if (!this.#signal.aborted) await Promise.all(changed.map((one) => this.#send(one)));
  }

  /** Commits the last position of a partition that is given up. Waits for a bounded time; never rejects. */
  async leave(partition: Positioned): Promise<void> {
    if (this.#controls.has(partition)) await endsWithin(this.#send(partition, 'left'), LEAVE_MS, this.#clock);
  }

  async #send(partition: Positioned, state: 'owned' | 'left' = 'owned'): Promise<void> {
    const control = this.#controls.get(partition);
    if (control === undefined || (state === 'owned' && control.signal.aborted)) return;
    const { nextOffset } = partition.saved;
    if (this.#sent.get(partition) === nextOffset) return;
    this.#sent.set(partition, nextOffset);
    await control.commit(nextOffset).catch(() => void this.#sent.delete(partition));
  }
}
