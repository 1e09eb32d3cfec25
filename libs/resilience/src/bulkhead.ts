import { ConvergeError } from '@convergekit/core';

/** The code of a call that found no place. */
export const BULKHEAD_FULL = 'BULKHEAD_FULL';

export interface BulkheadSettings {
  /** Calls at a time. */
  readonly concurrent: number;
  /** Callers that may wait for a place; those beyond are refused at once. */
  readonly waiting: number;
}

/** Keeps one slow dependency from taking every connection and handler of the process. */
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

  /** Calls `fn` as soon as there is a place, in the order of asking. Rejects with BULKHEAD_FULL, or the signal's reason while it waits. */
  async run<T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#running < this.#settings.concurrent) this.#running += 1;
    else await this.#place(signal);
    try {
      return await fn();
    } finally {
      const next = this.#waiters.shift();
      // The place goes to the next one without being free in between: nobody can overtake.
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
