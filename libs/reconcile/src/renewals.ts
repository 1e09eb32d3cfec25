import { type Clock, type Random } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import type { Claim } from './claim.ts';

export interface RenewalsOptions {
  /** Extends the lease of one claim. */
  readonly renew: (claim: Claim) => Promise<unknown>;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** The renewals of a lease: more than one of them may fail before it expires. */
const RENEWALS_A_LEASE = 6;

/**
 * Renews all claims of a process that are held, by one timer, so that no second worker takes a slow or waiting key. A
 * renewal that waits for a lock of its key delays no other.
 */
export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #held = new Set<Claim>();
  readonly #underWay = new Map<Claim, Promise<unknown>>();
  /** Ends the timer, which runs while claims are held. */
  #timer: AbortController | undefined;

  constructor(options: RenewalsOptions) {
    this.#options = options;
  }

  /** Keeps a claim while `work` runs. No renewal of it is under way afterwards. */
  async during<T>(claim: Claim, work: () => Promise<T>): Promise<T> {
    this.#held.add(claim);
    this.#timer ??= this.#start();
    try {
      return await work();
    } finally {
      this.#held.delete(claim);
      if (this.#held.size === 0) this.#stop();
      await this.#underWay.get(claim);
    }
  }

  #start(): AbortController {
    const { leaseMs, clock, random } = this.#options;
    const ended = new AbortController();
    void poll({
      everyMs: leaseMs / RENEWALS_A_LEASE,
      immediately: false,
      signal: ended.signal,
      clock,
      random,
      run: () => {
        this.#renewAll();
        return Promise.resolve();
      },
      onError: () => undefined,
    });
    return ended;
  }

  #stop(): void {
    this.#timer?.abort('ended');
    this.#timer = undefined;
  }

  #renewAll(): void {
    for (const claim of this.#held)
      if (!this.#underWay.has(claim)) {
        // A failed renewal is no error of the key: the next one may succeed, and the repair is fenced.
        const renewing = this.#options
          .renew(claim)
          .catch(() => undefined)
          .finally(() => this.#underWay.delete(claim));
        this.#underWay.set(claim, renewing);
      }
  }
}
