import { AsyncLocalStorage } from 'node:async_hooks';
import type { Pool, PoolClient } from 'pg';
import { callerGoneError, connectError, poolFullError, type Target } from './errors.ts';

/** The signal of the caller for whom Kysely acquires a connection: Kysely passes none to its pool. */
const callers = new AsyncLocalStorage<AbortSignal>();

/** Runs `acquire`, which has Kysely acquire a connection, for a caller that may give up. */
export function acquireFor<T>(signal: AbortSignal | undefined, acquire: () => Promise<T>): Promise<T> {
  return signal === undefined ? acquire() : callers.run(signal, acquire);
}

/** The signal of the caller that `acquireFor` is running for. */
export function callerSignal(): AbortSignal | undefined {
  return callers.getStore();
}

/**
 * The way into a pool: bounds the number of callers that wait for a connection, and lets a caller give up.
 * A place in pg's own queue cannot be taken back. The connection that it gets is returned at once, and it does not count
 * as waiting.
 */
export class PoolDoor {
  readonly #pool: Pool;
  readonly #target: Target;
  readonly #maxWaiting: number;
  #abandoned = 0;

  constructor(pool: Pool, target: Target, maxWaiting: number) {
    this.#pool = pool;
    this.#target = target;
    this.#maxWaiting = maxWaiting;
  }

  async acquire(signal?: AbortSignal): Promise<PoolClient> {
    if (signal?.aborted === true) throw callerGoneError(signal.reason, this.#target);
    if (this.#isFull()) throw poolFullError(this.#maxWaiting, this.#target);
    try {
      return await (signal === undefined ? this.#pool.connect() : this.#connectUnless(signal));
    } catch (error) {
      throw connectError(error, this.#target);
    }
  }

  #isFull(): boolean {
    const { waitingCount, totalCount, idleCount, options } = this.#pool;
    return waitingCount - this.#abandoned >= this.#maxWaiting + idleCount + (options.max - totalCount);
  }

  #connectUnless(signal: AbortSignal): Promise<PoolClient> {
    return new Promise((resolve, reject) => {
      let isGone = false;
      const giveUp = (): void => {
        isGone = true;
        this.#abandoned += 1;
        reject(callerGoneError(signal.reason, this.#target));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      const end = (): void => {
        signal.removeEventListener('abort', giveUp);
        if (isGone) this.#abandoned -= 1;
      };
      this.#pool
        .connect()
        .finally(end)
        .then((client) => {
          if (isGone) client.release();
          else resolve(client);
        }, reject);
    });
  }
}
