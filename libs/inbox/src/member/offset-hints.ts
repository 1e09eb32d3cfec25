import type { PartitionControl } from '@convergekit/broker/engine';
import { type Clock, endsWithin } from '@convergekit/core';
import type { Partition } from '../slice/partition.ts';

/** The time from a change of a position to the commit of all that changed in it, in milliseconds: one request. */
const HINT_MS = 1_000;
/** The time that giving up a partition waits for its last commit, in milliseconds. */
const LEAVE_MS = 1_000;

type Positioned = Pick<Partition, 'saved'>;

export type OffsetHints = ReturnType<typeof offsetHints>;

/**
 * Commits saved positions in Kafka: hints for tools that show lag. The database decides where to continue, so a failed
 * commit costs nothing, and no slice waits for one. No timer fires after the signal: giving up a partition commits what is
 * left.
 */
export function offsetHints(clock: Clock, signal: AbortSignal) {
  /** Partitions whose position may have changed since the last commit. */
  const changed = new Set<Positioned>();
  let isTimed = false;
  const controls = new WeakMap<Positioned, PartitionControl>();
  const sent = new WeakMap<Positioned, bigint>();
  const send = async (partition: Positioned, state: 'owned' | 'left' = 'owned'): Promise<void> => {
    const control = controls.get(partition);
    if (control === undefined || (state === 'owned' && control.signal.aborted)) return;
    const { nextOffset } = partition.saved;
    if (sent.get(partition) === nextOffset) return;
    sent.set(partition, nextOffset);
    await control.commit(nextOffset).catch(() => void sent.delete(partition));
  };
  return {
    /** Has the position of a partition committed soon, with those of the member's other partitions. */
    later: async (partition: Positioned, control: PartitionControl): Promise<void> => {
      controls.set(partition, control);
      changed.add(partition);
      if (isTimed) return;
      isTimed = true;
      await clock.sleep(HINT_MS, signal);
      isTimed = false;
      const all = [...changed];
      changed.clear();
      // The client sends the commits of one turn of the event loop as one request.
      if (!signal.aborted) await Promise.all(all.map((one) => send(one)));
    },
    /** Commits the last position of a partition that is given up. Waits for a bounded time; never rejects. */
    leave: async (partition: Positioned): Promise<void> => {
      if (controls.has(partition)) await endsWithin(send(partition, 'left'), LEAVE_MS, clock);
    },
  };
}
