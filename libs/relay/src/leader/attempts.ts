import { delayMs, messageOf } from '@convergekit/core/engine';
import type { Random } from '@convergekit/core';

const BACKOFF = { baseMs: 100, factor: 2, capMs: 5_000 };
/**
 * The duration of a sound leadership after its first tick, in milliseconds; a later error begins a new row of failures.
 */
const STEADY_MS = 10_000;
/** The time that failed leaderships are remembered, in milliseconds, unless one has lasted a minute. */
const REMEMBERED_MS = 600_000;
const SOUND_MS = 60_000;

export interface FailedTerms {
  readonly count: number;
  /** The error that ended the last attempt. */
  readonly text: string;
}

/**
 * The attempts of a process to lead: the failures in a row, and the pause before the next attempt. Neither the lease
 * nor the admission proves success: the first tick is the first write. Monotonic milliseconds.
 */
export class Attempts {
  #failures = 0;
  #admitted = false;
  #tickedAt: number | undefined;
  #failed: { readonly at: number; readonly text: string }[] = [];

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Records that another relay leads, so that there is nothing to try. */
  stoodBy(): void {
    this.#failures = 0;
  }

  /** The lease is taken. */
  began(): void {
    this.#admitted = false;
    this.#tickedAt = undefined;
  }

  /** The log check passed: the loops begin. */
  admitted(): void {
    this.#admitted = true;
  }

  /** The first tick of the leadership is written. */
  ticked(now: number): void {
    this.#tickedAt = now;
  }

  /** A look at the lease failed, or a leadership ended with an error. */
  failed(error: unknown, now: number): void {
    if (this.#tickedAt !== undefined && now - this.#tickedAt >= STEADY_MS) this.#failures = 0;
    this.#failures += 1;
    if (this.#admitted) {
      const text = messageOf(error);
      this.#failed = [...this.#remembered(now), { at: now, text }];
    }
    this.began();
  }

  /** Leaderships of this process that began their work and were ended by an error lately. */
  failedTerms(now: number): FailedTerms | undefined {
    if (this.#tickedAt !== undefined && now - this.#tickedAt >= SOUND_MS) this.#failed = [];
    const failed = this.#remembered(now);
    const last = failed.at(-1);
    return last === undefined ? undefined : { count: failed.length, text: last.text };
  }

  pauseMs(standbyMs: number, random: Random): number {
    // A part of the pause is random, so that many standbys do not ask at once.
    if (this.#failures === 0) return standbyMs * (0.75 + random() / 2);
    return Math.max(20, delayMs(BACKOFF, this.#failures, random));
  }

  #remembered(now: number): { readonly at: number; readonly text: string }[] {
    return this.#failed.filter(({ at }) => now - at < REMEMBERED_MS);
  }
}
