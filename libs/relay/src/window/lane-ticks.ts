import type { Executor } from '@convergekit/postgres';
import type { Lane } from '../backlog/lane.ts';
import type { Tick } from './tick.ts';
import { readTicks } from './window-sql.ts';

/** Windows that are read in one statement at most. A topic that catches up gains on the main lane by that. */
const GROUP = 64;

/** Reads the next ticks of a lane up to number `to`, without a hole. `latest` is the newest tick of all. */
export async function nextTicks(
  reads: Executor,
  lane: Pick<Lane, 'next'>,
  to: bigint,
  latest: Tick,
): Promise<readonly Tick[]> {
  if (latest.number === lane.next) return [latest];
  const room = to - lane.next + 1n;
  const ticks = await readTicks(reads, lane.next, room < BigInt(GROUP) ? Number(room) : GROUP);
  for (const [at, tick] of ticks.entries())
    if (tick.number !== lane.next + BigInt(at))
      throw new Error(`tick ${lane.next + BigInt(at)} is missing in converge.tick`);
  return ticks;
}
