import { OutboxError } from './errors.ts';
import type { EventRow } from './event-row.ts';

/** The events of one run of one transaction, until they are written. */
export class Scope {
  #rows: EventRow[] = [];
  #open = true;
  #failed: unknown;

  add(row: EventRow): void {
    if (!this.#open)
      throw new OutboxError(
        `${row.type} was emitted after its transaction had ended: nothing can be written with it any more. Await everything that emits before the transaction's function returns.`,
        { code: 'TRANSACTION_ENDED', category: 'bug' },
      );
    this.#rows.push(row);
  }

  get open(): boolean {
    return this.#open;
  }

  /** A nested transaction failed. What it wrote is half of something, so the outer one must not commit it. */
  fail(error: unknown): void {
    this.#failed ??= error;
  }

  /** Runs `fn`; when it throws, what was emitted in it is forgotten, as its savepoint forgets what was written. */
  async undoable<T>(fn: () => Promise<T>): Promise<T> {
    const mark = this.#rows.length;
    const failed = this.#failed;
    try {
      return await fn();
    } catch (error) {
      this.#rows.length = mark;
      this.#failed = failed;
      throw error;
    }
  }

  /** Ends the collecting and gives what was collected. */
  close(): readonly EventRow[] {
    this.#open = false;
    if (this.#failed !== undefined)
      throw new OutboxError(
        'a nested transaction failed and its error was caught, so the outer one is rolled back: it would commit half of the nested one. Let the error pass, or run the nested one in `savepoint`.',
        { code: 'NESTED_FAILED', category: 'bug', cause: this.#failed },
      );
    return this.#rows;
  }

  /** Ends it without effect. */
  discard(): void {
    this.#open = false;
    this.#rows = [];
  }
}
