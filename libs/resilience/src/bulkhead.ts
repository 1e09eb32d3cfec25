import { ConvergeError } from '@convergekit/core';

/** The code of a call that a full bulkhead rejected. */
export const BULKHEAD_FULL = 'BULKHEAD_FULL';

export interface BulkheadSettings {
  /** Number of concurrent calls. */
  readonly concurrent: number;
  /** Number of callers that may wait; further callers are rejected at once. */
  readonly waiting: number;
}

/** Limits concurrent calls, so that a slow dependency does not take every connection of the process. */
export class Bulkhead {
  readonly name: string;
  readonly #settings: BulkheadSettings;
  readonly #waiters: (() => void)[] = [];
  #running = 0;

  constructor(name: string, settings: BulkheadSettings) {
    if (!(settings.concurrent >= 1) || !(settings.waiting >= 0))
      throw new RangeError(
        `bulkhead ${name} with ${settings.concurrent} places and ${settings.waiting} waiting lets nothing through: give at least 1 place and 0 waiting`,
      );
    this.name = name;
    this.#settings = settings;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** Calls `fn` when a slot is free, in request order. Rejects with BULKHEAD_FULL, or with the signal's reason while waiting. */
  async run<T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#running < this.#settings.concurrent) this.#running += 1;
    else await this.#place(signal);
    try {
      return await fn();
    } finally {
      const next = this.#waiters.shift();
      // The slot passes directly to the next caller, so that no later caller can take it first.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #place(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiters.length >= this.#settings.waiting) throw this.#full();
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const onAbort = (): void => {
      this.#waiters.splice(this.#waiters.indexOf(taken), 1);
      reject(signal?.reason as Error);
    };
    const taken = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve(undefined);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiters.push(taken);
    return promise;
  }

  #full(): ConvergeError {
    const { concurrent, waiting } = this.#settings;
    return new ConvergeError(
      `${this.name} was not called: ${concurrent} calls are running and ${waiting} wait, which is its limit. Come back later, or raise the limit if the other side can take it.`,
      { code: BULKHEAD_FULL, category: 'throttle', certainty: 'not_applied' },
    );
  }
}
