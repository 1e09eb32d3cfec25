import { delayMs } from '@convergekit/core/engine';
import type { Random } from '@convergekit/core';

const BACKOFF = { baseMs: 100, factor: 2, capMs: 5_000 };
/** A leadership that lasted so long after its first tick was sound: an error later begins a new row of failures. */
const STEADY_MS = 10_000;
/** Leaderships that an error ended are remembered for ten minutes, or until one has lasted a minute. */
const REMEMBERED_MS = 600_000;
const SOUND_MS = 60_000;

export interface FailedTerms {
  readonly count: number;
  /** What ended the last of them. */
  readonly text: string;
}

/**
 * The attempts of one process to lead: how many failed in a row, and how long to pause before the next one. Taking the
 * lease proves nothing, and neither does being admitted: the first tick is the first write. Monotonic milliseconds.
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

  /** Another relay leads: there is nothing to try for the moment. */
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
      const text = error instanceof Error ? error.message : String(error);
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
    // Some of it random, so that many standbys do not ask at once.
    if (this.#failures === 0) return standbyMs * (0.75 + random() / 2);
    return Math.max(20, delayMs(BACKOFF, this.#failures, random));
  }

  #remembered(now: number): { readonly at: number; readonly text: string }[] {
    return this.#failed.filter(({ at }) => now - at < REMEMBERED_MS);
  }
}
