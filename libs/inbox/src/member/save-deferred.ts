import { endsWithin } from '@convergekit/core';
import type { PartitionControl } from '@convergekit/broker/engine';
import { saveDeferred } from '../slice/commit-slice.ts';
import type { SliceContext } from '../slice/context.ts';
import { DEFER_MS } from '../slice/deferral.ts';
import { type Partition, placeOf } from '../slice/partition.ts';
import { afterSlice } from './after-slice.ts';
import type { Watched } from './watch.ts';
import type { OffsetHints } from './offset-hints.ts';
import type { Worker } from './worker.ts';

/** Saves deferred positions of a member's partitions in time: one timer for each partition that has one. */
export class DeferredPositions<DB> {
  readonly #worker: Worker<DB>;
  readonly #inTurn: Watched['inTurn'];
  readonly #hints: OffsetHints;
  readonly #signal: AbortSignal;
  readonly #timed = new WeakSet<Partition>();

  /** Nothing is saved by a timer after the signal: the stop saves what is left. */
  constructor(worker: Worker<DB>, inTurn: Watched['inTurn'], hints: OffsetHints, signal: AbortSignal) {
    this.#worker = worker;
    this.#inTurn = inTurn;
    this.#hints = hints;
    this.#signal = signal;
  }

  /** Has the deferred position of a partition saved soon, unless a slice saves it before. */
  async later(partition: Partition): Promise<void> {
    if (!isDeferred(partition) || this.#timed.has(partition)) return;
    this.#timed.add(partition);
    await this.#worker.context.clock.sleep(DEFER_MS, this.#signal);
    this.#timed.delete(partition);
    if (this.#signal.aborted || !isDeferred(partition)) return;
    await this.#inTurn(partition, (control, lost) => this.#save(partition, control, lost));
  }

  async #save(partition: Partition, control: PartitionControl, lost: AbortSignal): Promise<void> {
    if (!isDeferred(partition)) return;
    const result = await saveDeferred(this.#worker.context, partition, lost);
    switch (await afterSlice(this.#worker, partition, result, lost, control.signal)) {
      case 'next':
        void this.#hints.later(partition, control);
        return;
      case 'fetch_again':
        // A batch may wait for this: its records are beyond the ones to read again.
        partition.fetchAgain();
        return control.seek(partition.nextOffset);
      case 'leave':
    }
  }
}

/** The time that giving up a partition waits for its deferred position, in milliseconds. */
const LEAVE_MS = 5_000;

/**
 * Saves a deferred position before its partition is given up: one attempt, and a bounded wait. Without it the next owner
 * skips the same records again. Never rejects.
 */
export async function saveBeforeLeaving<DB>(context: SliceContext<DB>, partition: Partition): Promise<void> {
  if (!isDeferred(partition)) return;
  const { clock, log } = context;
  const saving = saveDeferred(context, partition, new AbortController().signal);
  await endsWithin(saving, LEAVE_MS, clock);
  if (isDeferred(partition)) log.debug(placeOf(partition), 'a deferred position was not saved');
}

function isDeferred({ deferral }: Partition): boolean {
  return deferral !== undefined;
}
