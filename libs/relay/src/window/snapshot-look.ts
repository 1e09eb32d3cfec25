import type { Executor } from '@convergekit/postgres';
import { readSnapshot } from './window-sql.ts';

/** Looks whether any transaction with writes has ended since the last look. It costs far less than a poll. */
export class SnapshotLook {
  readonly #reads: Executor;
  #snapshot: string | undefined;

  constructor(reads: Executor) {
    this.#reads = reads;
  }

  /** True: a poll that followed the last look and was empty would be empty again. False: poll now. */
  async isUnchanged(): Promise<boolean> {
    const before = this.#snapshot;
    this.#snapshot = await readSnapshot(this.#reads);
    return this.#snapshot === before;
  }
}
