import type { Clock } from './clock.ts';
import { poll } from './poll.ts';
import type { Random } from './random.ts';

export interface RenewalsOptions<T> {
  /** Renews the leases of all that is held. What it cannot renew now, the next call may. */
  readonly renew: (held: readonly T[]) => Promise<unknown>;
  readonly leaseMs: number;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default the system's */
  readonly random?: Random;
}

/** The renewals of a lease: more than one of them may fail before it ends. */
const RENEWALS_A_LEASE = 6;

/** Renews all leases that are held, by one timer that runs while there are any. */
export class Renewals<T> {
  readonly #options: RenewalsOptions<T>;
  readonly #held = new Set<T>();
  #end: (() => Promise<void>) | undefined;

  constructor(options: RenewalsOptions<T>) {
    this.#options = options;
  }

  /** Renews a lease until the returned function is called. After the last one no renewal is under way. */
  hold(lease: T): () => Promise<void> {
    this.#held.add(lease);
    this.#end ??= this.#start();
    return async () => {
      this.#held.delete(lease);
      if (this.#held.size > 0) return;
      const end = this.#end;
      this.#end = undefined;
      await end?.();
    };
  }

  /** Renews a lease while `work` runs. */
  async during<R>(lease: T, work: () => Promise<R>): Promise<R> {
    const drop = this.hold(lease);
    try {
      return await work();
    } finally {
      await drop();
    }
  }

  #start(): () => Promise<void> {
    const { renew, leaseMs, ...by } = this.#options;
    const everyMs = leaseMs / RENEWALS_A_LEASE;
    const ended = new AbortController();
    const renewing = poll({
      ...by,
      everyMs,
      immediately: false,
      signal: ended.signal,
      backoff: { baseMs: everyMs, factor: 1, capMs: everyMs },
      run: async () => {
        await renew([...this.#held]);
      },
      // A failed renewal is no error of the work: the next may succeed, and what the work writes is fenced.
      onError: () => undefined,
    });
    return () => {
      ended.abort('ended'); // a reason: without one, each abort makes a DOMException with its stack
      return renewing;
    };
  }
}
