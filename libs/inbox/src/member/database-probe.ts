import type { Clock, Random } from '@convergekit/core';
import { delayMs, outageBackoff } from '@convergekit/core/engine';

interface ProbeParts {
  /** Asks the database. It must end: all partitions wait for it. */
  readonly ask: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Asks whether the consumer's database answers, for all partitions together. One connection is tried at a time, with a
 * pause between two: one for each partition would hold up a server that is starting.
 */
export class DatabaseProbe {
  readonly #of: ProbeParts;
  #asking: Promise<void> | undefined;
  #failures = 0;
  /** The last refusal; it counts until the next one may be asked for. */
  #refused: { readonly error: unknown; readonly until: number } | undefined;

  constructor(of: ProbeParts) {
    this.#of = of;
  }

  /** Resolves when the database answers. Rejects with why it does not, in the pause without asking again. */
  async check(): Promise<void> {
    if (this.#refused !== undefined && this.#of.clock.monotonic() < this.#refused.until)
      throw this.#refused.error;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  async #ask(): Promise<void> {
    const { ask, clock, random } = this.#of;
    try {
      await ask();
      this.#failures = 0;
      this.#refused = undefined;
    } catch (error) {
      this.#failures += 1;
      const pauseMs = delayMs(outageBackoff, this.#failures, random);
      this.#refused = { error, until: clock.monotonic() + pauseMs };
      throw error;
    }
  }
}
