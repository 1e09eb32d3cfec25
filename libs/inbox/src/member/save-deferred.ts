import { endsWithin } from '@convergekit/core';
import { saveDeferred } from '../slice/commit-slice.ts';
import type { SliceContext } from '../slice/context.ts';
import { DEFER_MS } from '../slice/deferral.ts';
import { type Partition, placeOf } from '../slice/partition.ts';
import { afterSlice } from './after-slice.ts';
import type { Watched } from './watch.ts';
import type { OffsetHints } from './offset-hints.ts';
import type { Turn, Worker } from './worker.ts';

/**
 * Makes the function that has the deferred position of a partition saved soon, unless a slice saves it before: one timer for
 * each partition that has one. Nothing is saved by a timer after the signal: the stop saves what is left.
 */
export function deferredSaver<DB>(
  worker: Worker<DB>,
  inTurn: Watched<DB>['inTurn'],
  hints: OffsetHints,
  signal: AbortSignal,
): (partition: Partition) => Promise<void> {
  const timed = new WeakSet<Partition>();
  const save = async (turn: Turn<DB>): Promise<void> => {
    const { partition, control, lost } = turn;
    if (!isDeferred(partition)) return;
    switch (await afterSlice(turn, await saveDeferred(worker.context, partition, lost))) {
      case 'next':
        void hints.later(partition, control);
        return;
      case 'fetch_again':
        // A batch may wait for this: its records are beyond the ones to read again.
        partition.fetchAgain();
        return control.seek(partition.nextOffset);
      case 'leave':
    }
  };
  return async (partition) => {
    if (!isDeferred(partition) || timed.has(partition)) return;
    timed.add(partition);
    await worker.context.clock.sleep(DEFER_MS, signal);
    timed.delete(partition);
    if (signal.aborted || !isDeferred(partition)) return;
    await inTurn(partition, save);
  };
}

/** The time that giving up a partition waits for its deferred position, in milliseconds. */
const LEAVE_MS = 5_000;

/** Saves a deferred position before its partition is given up: once, in bounded time. Never rejects. */
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
