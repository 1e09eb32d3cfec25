export interface SystemicPolicy {
  /** New keys that may be given up, one after the other, before it is no longer the events' fault. @default 10 */
  readonly keys: number;
  /**
   * Milliseconds in which that many count although something else was handled, and after which one more may be given up
   * meanwhile. @default 60_000
   */
  readonly withinMs: number;
}

interface GivenUpAt {
  readonly at: number;
  /** Events handled before it. */
  readonly handled: number;
}

/** While the world is broken: when one more key may be given up, and how long that was waited for. */
interface Systemic {
  readonly nextAt: number;
  readonly waitMs: number;
}

const MOST_WAIT_MS = 3_600_000;

/**
 * Distinguishes one bad event from a systemic fault. A fault is systemic when the last `keys` keys were given up and
 * outnumber what was handled meanwhile: within `withinMs`, or over any time when nothing at all was handled (a dependency
 * that hangs fails a few keys a minute). Then nothing more is parked until something works again, but for one key after
 * `withinMs`, twice that … an hour at most: a row of bad keys with nothing else behind it gets through by itself, and an outage of a day costs
 * some thirty keys. One consumer, or one handler of it, in one process. Pure but for its own counts; time is an argument.
 */
export class ParkRate {
  readonly #policy: SystemicPolicy;
  #last: readonly GivenUpAt[] = [];
  #handled = 0;
  #systemic: Systemic | undefined;

  constructor(policy: SystemicPolicy) {
    this.#policy = policy;
  }

  /** Whether `given` more keys may be given up, in a slice that handles `handling` other events. */
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

  /** What took effect: with it the world works again. */
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
