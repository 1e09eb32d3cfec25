import type { Clock } from './clock.ts';

/** Waits for the work, at most `ms`. Resolves with whether it ended, well or badly; work that is late goes on by itself. */
export async function endsWithin(work: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  const ended = new AbortController();
  const inTime = await Promise.race([
    work.then(
      () => true,
      () => true,
    ),
    clock.sleep(ms, ended.signal).then(() => false),
  ]);
  ended.abort('ended');
  return inTime;
}
