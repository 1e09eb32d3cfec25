export interface SystemicPolicy {
  /** New keys that may be given up in a row before the fault counts as systemic. @default 10 */
  readonly keys: number;
  /** The milliseconds for which given-up keys count, and in which a systemic fault costs one more. @default 60_000 */
  readonly withinMs: number;
}

interface GivenUpAt {
  readonly at: number;
  /** The number of events handled before the key was given up. */
  readonly handled: number;
}

/** A systemic fault: when one more key may be given up, and the wait before it. */
interface Systemic {
  readonly nextAt: number;
  readonly waitMs: number;
}

const MOST_WAIT_MS = 3_600_000;

/**
 * Distinguishes bad events from a systemic fault. A fault is systemic when the last `keys` keys were given up and outnumber
 * the events handled meanwhile: within `withinMs`, or over any time if nothing at all was handled (a hanging dependency fails a
 * few keys a minute). Then nothing more is parked until an event takes effect, except one key after `withinMs`, twice that, up
 * to an hour: a row of bad keys gets through by itself, and an outage of a day costs about thirty keys. One instance per
 * consumer, and per handler, in one process. Pure except for its own counts; time is an argument.
 */
export class ParkRate {
  readonly #policy: SystemicPolicy;
  #last: readonly GivenUpAt[] = [];
  #handled = 0;
  #systemic: Systemic | undefined;

  constructor(policy: SystemicPolicy) {
    this.#policy = policy;
  }

  /** True when `given` more keys may be given up, in a slice that handles `handling` other events. */
  allows(given: number, handling: number, now: number): boolean {
    if (given === 0) return true;
    if (this.#systemic !== undefined) return given === 1 && now >= this.#systemic.nextAt;
    const { keys, withinMs } = this.#policy;
    const at = this.#last.length + given - keys;
    if (at < 0) return true;
    const since = this.#last[at] ?? { at: now, handled: this.#handled };
    const meanwhile = this.#handled + handling - since.handled;
    const slow = now - since.at > withinMs && meanwhile > 0;
    if (slow || meanwhile >= Math.max(keys, given)) return true;
    this.#systemic = { nextAt: now + withinMs, waitMs: withinMs };
    return false;
  }

  /** Counts events that took effect, which ends a systemic fault. */
  handled(count: number): void {
    if (count === 0) return;
    this.#handled += count;
    if (this.#systemic !== undefined) this.#last = [];
    this.#systemic = undefined;
  }

  gaveUp(count: number, now: number): void {
    const { keys } = this.#policy;
    if (this.#systemic !== undefined) {
      const waitMs = Math.min(2 * this.#systemic.waitMs, MOST_WAIT_MS);
      this.#systemic = { nextAt: now + waitMs, waitMs };
    }
    const more = Array.from({ length: Math.min(count, keys) }, () => ({ at: now, handled: this.#handled }));
    this.#last = [...this.#last, ...more].slice(-keys);
  }
}
