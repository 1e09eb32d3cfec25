import { saveDeferred, type SliceResult } from '../slice/commit-slice.ts';
import type { AlarmName } from '../alarms.ts';
import type { SliceContext } from '../slice/context.ts';
import { fenceHolder } from '../slice/fence-sql.ts';
import { type Partition, placeOf } from '../slice/partition.ts';
import { pauseForFaults } from '../park/limit-give-ups.ts';
import { pauseAt } from './pause.ts';
import { recover } from './recover.ts';
import type { Turn } from './worker.ts';

/** `fetch_again`: the records at hand are stale · `leave`: the partition is lost, or the service stops */
export type Next = 'next' | 'fetch_again' | 'leave';

/** Acts on the result of a slice: waits, recovers, or continues. Throws what stops the consumer. */
export async function afterSlice<DB>(turn: Turn<DB>, result: SliceResult): Promise<Next> {
  const { partition, control, lost } = turn;
  const { context } = turn.worker;
  const recovered = async (error?: unknown): Promise<Next> =>
    (await recover(turn, error)) ? 'fetch_again' : 'leave';
  switch (result.kind) {
    case 'committed':
      return 'next';
    case 'partition_lost':
      return lost.aborted ? 'leave' : 'fetch_again';
    case 'pause': {
      // A pause may last for hours: nothing is deferred meanwhile.
      const saved = await saveDeferred(context, partition, lost);
      if (saved.kind !== 'committed') return afterSlice(turn, saved);
      await pauseAt(context, partition, result.pause, control.signal);
      return 'fetch_again';
    }
    case 'give_up_limit': {
      const paused = await pauseForFaults(context, result).catch((error: unknown) => error);
      return recovered(paused);
    }
    case 'stop':
      throw result.error;
    case 'fence_lost': {
      const expected = `${partition.saved.nextOffset}`;
      context.log.warn({ ...placeOf(partition), expected }, 'fence lost');
      return recovered();
    }
    case 'type_ahead':
      return recovered();
    case 'fence_held':
      await alarmHeld(context, partition);
      return recovered(result.error);
    case 'outage':
      return recovered(result.error);
  }
}

async function alarmHeld<DB>({ database, log }: SliceContext<DB>, partition: Partition): Promise<void> {
  const holder = await fenceHolder(database.executor, partition.key).catch(() => undefined);
  log.error(
    { ...placeOf(partition), alarm: 'fence_held' satisfies AlarmName, ...holder },
    'another session holds the fence of this partition',
  );
}
