import { OutboxError } from './errors.ts';
import type { EventRow } from './event-row.ts';
import { type Level, type Levels, savepointEnded, savepointOpen } from './levels.ts';

interface Emitted {
  readonly row: EventRow;
  readonly level: Level;
}

/** The events of one attempt of a transaction, each with its savepoint, until they are written. */
export class Scope {
  readonly levels: Levels;
  #emitted: Emitted[] = [];
  #failures: { readonly error: unknown; readonly level: Level }[] = [];
  #open = true;

  constructor(levels: Levels) {
    this.levels = levels;
  }

  /** Adds an event that the code of `level` emitted. */
  add(row: EventRow, level: Level): void {
    if (!this.#open)
      throw new OutboxError(
        `${row.type} was emitted after its transaction had ended: nothing can be written with it any more. Await everything that emits before the transaction's function returns.`,
        { code: 'TRANSACTION_ENDED', category: 'bug' },
      );
    if (level.isUndone) throw savepointEnded(row.type);
    this.#emitted.push({ row, level });
  }

  get open(): boolean {
    return this.#open;
  }

  /** Marks a nested transaction as failed. Its writes are incomplete, so its level must not be committed. */
  fail(error: unknown, level: Level): void {
    this.#failures.push({ error, level });
  }

  /** Closes the scope and returns the events of levels not rolled back, in the order of emits. */
  close(): readonly EventRow[] {
    this.#open = false;
    if (this.levels.top !== this.levels.root) throw savepointOpen('the transaction');
    const failure = this.#failures.find(({ level }) => !level.isUndone);
    if (failure !== undefined)
      throw new OutboxError(
        'a nested transaction failed and its error was caught, so the outer one is rolled back: it would commit half of the nested one. Let the error pass, or run the nested one in `savepoint`.',
        { code: 'NESTED_FAILED', category: 'bug', cause: failure.error },
      );
    return this.#emitted.filter(({ level }) => !level.isUndone).map(({ row }) => row);
  }

  /** Closes the scope without effect. */
  discard(): void {
    this.#open = false;
    this.#emitted = [];
  }
}
