import type { Clock, Random } from '@convergekit/core';
import { delayMs, outageBackoff } from '@convergekit/core/engine';

/**
 * Makes the function that asks whether the consumer's database answers, for all partitions together. One connection is tried
 * at a time, with a pause between two: one for each partition would hold up a server that is starting. It resolves when the
 * database answers, and rejects with why it does not, in the pause without asking again. `ask` must end: all partitions wait.
 */
export function databaseProbe(
  ask: () => Promise<void>,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): () => Promise<void> {
  let asking: Promise<void> | undefined;
  let failures = 0;
  /** The last refusal; it counts until the next one may be asked for. */
  let refused: { readonly error: unknown; readonly until: number } | undefined;
  const askOnce = async (): Promise<void> => {
    try {
      await ask();
      failures = 0;
      refused = undefined;
    } catch (error) {
      failures += 1;
      refused = { error, until: clock.monotonic() + delayMs(outageBackoff, failures, random) };
      throw error;
    }
  };
  return async () => {
    if (refused !== undefined && clock.monotonic() < refused.until) throw refused.error;
    asking ??= askOnce().finally(() => (asking = undefined));
    await asking;
  };
}
