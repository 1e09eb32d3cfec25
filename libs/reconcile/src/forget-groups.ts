import type { Claim } from './claim.ts';

interface Waiting {
  readonly claim: Claim;
  readonly forgotten: PromiseWithResolvers<boolean>;
}

/** Deletes claimed keys without history, and returns the keys that it deleted. */
export type Forget = (claims: readonly Claim[]) => Promise<ReadonlySet<string>>;

/**
 * Forgets healthy keys, those that end while a statement is under way by the next one: a commit for several keys. A key
 * that ends alone waits for none.
 */
export class ForgetGroups {
  readonly #forget: Forget;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(forget: Forget) {
    this.#forget = forget;
  }

  /** False: the key stays, because it was reported during its run, its row is locked, or its claim was lost. */
  forget(claim: Claim): Promise<boolean> {
    const forgotten = Promise.withResolvers<boolean>();
    this.#waiting.push({ claim, forgotten });
    if (!this.#running) void this.#run();
    return forgotten.promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        const gone = await this.#forget(together.map(({ claim }) => claim));
        for (const { claim, forgotten } of together) forgotten.resolve(gone.has(claim.key));
      } catch (error) {
        for (const { forgotten } of together) forgotten.reject(error);
      }
    }
    this.#running = false;
  }
}
