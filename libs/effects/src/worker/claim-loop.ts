import { delayMs } from '@convergekit/resilience';
import type { Clock, Random } from '@convergekit/core';

export interface ClaimLoop {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds. */
  readonly pollMs: number;
  /** Takes what is due, and tells how much that was. */
  readonly claim: () => Promise<number>;
  /** Aborts when there is room for more. */
  readonly freed: () => AbortSignal;
  readonly failed: (error: unknown) => void;
}

/** Claims for as long as there is something, then looks again after a while. A database that is away is waited for. */
export async function claimLoop(
  { clock, random, pollMs, claim, freed, failed }: ClaimLoop,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let claimed = 0;
    try {
      claimed = await claim();
      failures = 0;
    } catch (error) {
      failures += 1;
      failed(error);
    }
    if (claimed > 0) continue;
    const backoff = { baseMs: pollMs, factor: 2, capMs: 10_000 };
    // Jittered, so that workers started together do not ask together.
    const ms = failures > 0 ? delayMs(backoff, failures, random) : pollMs * (0.5 + random());
    await clock.sleep(ms, AbortSignal.any([signal, freed()]));
  }
}
