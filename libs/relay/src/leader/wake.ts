import type { Clock } from '@convergekit/core';

/** Lets one loop sleep until another has something for it. */
export class Wake {
  readonly #clock: Clock;
  #sleeping: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  notify(): void {
    this.#sleeping?.abort();
  }

  /** Resolves at `notify`, or after `ms`. One waiter at a time; look at your condition before and after. */
  async wait(ms: number): Promise<void> {
    const sleeping = new AbortController();
    this.#sleeping = sleeping;
    await this.#clock.sleep(ms, sleeping.signal);
    if (this.#sleeping === sleeping) this.#sleeping = undefined;
  }
}
