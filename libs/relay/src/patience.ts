import type { Clock } from '@convergekit/core';

/** What a stop waits for, milliseconds: together less than five seconds, whatever hangs. */
export const STOP_MS = {
  /** The loops, with what they have in flight. A produce is given up a moment earlier. */
  loops: 2_500,
  /** Saving the positions: what is not saved is sent once more by the next leader. */
  settle: 600,
  /** Letting the lease go: else it runs out by itself. */
  release: 500,
} as const;

/** Whether `work` has ended, well or badly, within `ms`. One that has not is left to itself. */
export async function endsWithin(work: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  const patience = new AbortController();
  const ended = await Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    clock.sleep(ms, patience.signal).then(() => false),
  ]);
  patience.abort();
  return ended;
}
