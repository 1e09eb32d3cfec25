import type { Clock } from '@convergekit/core';
import { OutboxError } from './errors.ts';

/**
 * A transaction, or a savepoint in it: the unit of rollback. States: open → released (its work belongs to its parent) |
 * undone.
 */
export class Level {
  readonly parent: Level | undefined;
  state: 'open' | 'released' | 'undone' = 'open';

  constructor(parent?: Level) {
    this.parent = parent;
  }

  /** True when this level or an enclosing level was rolled back. */
  get isUndone(): boolean {
    return this.state === 'undone' || this.parent?.isUndone === true;
  }

  /** The level that owns the work of this level now. */
  get owner(): Level {
    return this.state === 'released' && this.parent !== undefined ? this.parent.owner : this;
  }
}

export interface SavepointStatements {
  begin(): Promise<unknown>;
  release(): Promise<unknown>;
  undo(): Promise<unknown>;
}

export interface LevelLimits {
  readonly clock: Clock;
  /** The time that code waits for a savepoint of other code, in milliseconds. */
  readonly waitMs: number;
}

/**
 * The savepoints of one transaction.
 * `rollback to savepoint` reverts everything that the connection has run since, by any code. So while a savepoint is open,
 * only its own code runs statements; other code of the transaction waits for its end. A rollback then reverts exactly the
 * work of the savepoint's code.
 */
export class Levels {
  readonly root = new Level();
  readonly #limits: LevelLimits;
  #top = this.root;
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(limits: LevelLimits) {
    this.#limits = limits;
  }

  /** The innermost open savepoint. */
  get top(): Level {
    return this.#top;
  }

  /** Runs a statement of the code of `level`: at once if it is its turn, as it nearly always is. */
  async statement<T>(level: Level, run: () => Promise<T>): Promise<T> {
    // In the turn of the caller: COMMIT must not overtake a statement that is not awaited.
    const leave = this.#isTurnOf(level) ? this.#admit() : await this.enter(level);
    try {
      return await run();
    } finally {
      leave();
    }
  }

  /** Resolves when a statement of `level` may run; call the result when it has ended. */
  enter(level: Level): Promise<() => void> {
    return this.#when(
      () => this.#isTurnOf(level),
      () => this.#admit(),
    );
  }

  #admit(): () => void {
    this.#running += 1;
    return () => {
      this.#running -= 1;
      this.#changed();
    };
  }

  /** Runs `fn` at a new level inside `level`. When it throws, the new level is rolled back and the error passes on. */
  async savepoint<T>(
    level: Level,
    statements: SavepointStatements,
    fn: (inner: Level) => Promise<T>,
  ): Promise<T> {
    // An admitted statement may still wait for the connection, behind the one that is sent now.
    const inner = await this.#when(
      () => this.#isTurnOf(level) && this.#running === 0,
      () => (this.#top = new Level(this.#top)),
    );
    try {
      await statements.begin();
    } catch (error) {
      this.#end(inner, 'undone');
      throw error;
    }
    try {
      const result = await fn(inner);
      await this.#when(
        () => this.#running === 0,
        () => {
          if (inner.isUndone) throw savepointEnded('a savepoint');
          if (this.#top !== inner) throw savepointOpen('a savepoint');
          return statements.release();
        },
      );
      this.#end(inner, 'released');
      return result;
    } catch (error) {
      await this.#undo(inner, statements);
      throw error;
    }
  }

  async #undo(inner: Level, statements: SavepointStatements): Promise<void> {
    // The enclosing level has rolled back already, further than this one.
    if (inner.isUndone) return;
    // The code of a rolled-back level must run nothing more: a statement after the rollback would be kept.
    inner.state = 'undone';
    try {
      await this.#when(
        () => this.#running === 0,
        () => statements.undo(),
      );
    } finally {
      this.#end(inner, 'undone');
    }
  }

  #end(level: Level, state: 'released' | 'undone'): void {
    level.state = state;
    if (level.parent !== undefined) this.#top = level.parent.owner;
    this.#changed();
  }

  #isTurnOf(level: Level): boolean {
    if (level.isUndone) throw savepointEnded('a statement');
    return level.owner === this.#top;
  }

  /** Waits for a condition and acts in the same turn of the event loop, before other code can start. */
  async #when<T>(isTrue: () => boolean, act: () => T): Promise<Awaited<T>> {
    if (isTrue()) return await act();
    const { clock, waitMs } = this.#limits;
    const end = clock.monotonic() + waitMs;
    const over = new AbortController();
    void clock.sleep(waitMs, over.signal).then(() => this.#changed());
    try {
      for (;;) {
        if (isTrue()) return await act();
        if (clock.monotonic() >= end) throw blocked(waitMs);
        const { promise, resolve } = Promise.withResolvers<undefined>();
        this.#waiting.push(() => resolve(undefined));
        await promise;
      }
    } finally {
      over.abort();
    }
  }

  #changed(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** Creates the error of code whose savepoint was rolled back. */
export function savepointEnded(what: string): OutboxError {
  return new OutboxError(
    `${what} came from the code of a savepoint that was rolled back: it would be written without the rest of the savepoint. Await everything in the function that you give to savepoint.`,
    { code: 'SAVEPOINT_ENDED', category: 'bug' },
  );
}

/** Creates the error of a function that returned while its savepoint was still running. */
export function savepointOpen(what: string): OutboxError {
  return new OutboxError(
    `the function of ${what} returned while a savepoint in it was still running, so it is rolled back. Await every call of savepoint.`,
    { code: 'SAVEPOINT_OPEN', category: 'bug' },
  );
}

function blocked(waitMs: number): OutboxError {
  return new OutboxError(
    `a statement or savepoint waited ${waitMs} ms for a savepoint that other code of the same transaction holds open. Probably that savepoint's function awaits this very statement: run the statement in it, or before it.`,
    { code: 'SAVEPOINT_BLOCKED', category: 'bug' },
  );
}
