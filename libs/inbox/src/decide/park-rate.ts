export interface SystemicPolicy {
  /** New keys that may be given up, one after the other, before it is no longer the events' fault. @default 10 */
  readonly keys: number;
  /** Milliseconds in which that many count. @default 60_000 */
  readonly withinMs: number;
}

interface GivenUpAt {
  readonly at: number;
  /** Events handled before it. */
  readonly handled: number;
}

/**
 * Tells one bad event from a broken world: when the last `keys` keys were given up within `withinMs` and outnumber what
 * was handled meanwhile, nothing more is parked until something works again. One consumer in one process. Pure but for
 * its own counts; time is an argument.
 */
export class ParkRate {
  readonly #policy: SystemicPolicy;
  #last: readonly GivenUpAt[] = [];
  #handled = 0;
  #systemic = false;

  constructor(policy: SystemicPolicy) {
    this.#policy = policy;
  }

  get systemic(): boolean {
    return this.#systemic;
  }

  /** Whether `given` more keys may be given up, in a slice that handles `handling` other events. */
  allows(given: number, handling: number, now: number): boolean {
    if (given === 0) return true;
    if (this.#systemic) return false;
    const { keys, withinMs } = this.#policy;
    const at = this.#last.length + given - keys;
    if (at < 0) return true;
    const since = this.#last[at] ?? { at: now, handled: this.#handled };
    const meanwhile = this.#handled + handling - since.handled;
    this.#systemic = now - since.at <= withinMs && meanwhile < Math.max(keys, given);
    return !this.#systemic;
  }

  /** What took effect: with it the world works again. */
  handled(count: number): void {
    if (count === 0) return;
    this.#handled += count;
    if (this.#systemic) this.#last = [];
    this.#systemic = false;
  }

  gaveUp(count: number, now: number): void {
    const { keys } = this.#policy;
    const more = Array.from({ length: Math.min(count, keys) }, () => ({ at: now, handled: this.#handled }));
    this.#last = [...this.#last, ...more].slice(-keys);
  }
}
