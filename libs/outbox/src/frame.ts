import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '@convergekit/core';
import { type CallOfCode, callOfCode, containStrays, passStray } from '@convergekit/core/engine';
import { aroundStatements, CallStatements, refuseControl } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { OutboxError } from './errors.ts';
import type { EventRow } from './event-row.ts';
import { type Level, Levels, savepointEnded, savepointOpen } from './levels.ts';
import type { LostCommit } from './resolve-commit.ts';

/** The frame of one attempt of an outermost transaction. */
export interface Frame {
  readonly db: unknown;
  /** The transaction for users: its statements wait for savepoints of other code. */
  readonly tx: unknown;
  /** The transaction without that wait, for the kit's own statements. */
  readonly plainTx: unknown;
  readonly scope: Scope;
  /** The statements of the transaction's function. */
  readonly statements: CallStatements;
  /** Claimed request keys, which also prove a lost commit. */
  readonly claims: { readonly lost: LostCommit; readonly level: Level }[];
  savepoints: number;
  lost: LostCommit | undefined;
}

/** The transaction and savepoint in which code runs. */
interface Place {
  readonly frame: Frame;
  readonly level: Level;
  /** The enclosing place in another transaction. */
  readonly outer: Place | undefined;
}

// A nested call finds the outer call by its database (through any depth of calls), or by `tx`.
const current = new AsyncLocalStorage<Place>();
const byTransaction = new WeakMap<object, Frame>();

export function frameOf<DB>(db: unknown, plainTx: Transaction<DB>, clock: Clock, waitMs: number): Frame {
  const levels = new Levels({ clock, waitMs });
  const statements = new CallStatements(statementEnded);
  const tx = waitingTransaction(plainTx, levels, statements, () => levelIn(frame));
  const scope = new Scope(levels);
  const frame: Frame = { db, tx, plainTx, scope, statements, claims: [], savepoints: 0, lost: undefined };
  byTransaction.set(tx, frame);
  return frame;
}

/** Wraps a transaction so that its statements wait for savepoints of other code. `at` returns the caller's level. */
function waitingTransaction<DB>(
  tx: Transaction<DB>,
  levels: Levels,
  statements: CallStatements,
  at: () => Level,
): Transaction<DB> {
  return aroundStatements(tx, {
    run: (text, send) =>
      statements.run(text, () =>
        levels.statement(at(), async () => {
          refuseControl(text, 'use `savepoint`, which takes its events with it');
          return send();
        }),
      ),
    connected: (use) => levels.statement(at(), use),
    stream: async (text) => {
      const answered = await statements.stream(text);
      const leave = await levels.enter(at());
      return () => {
        leave();
        answered();
      };
    },
  });
}

function statementEnded(): OutboxError {
  return new OutboxError(
    '`await` is missing: a statement came after its transaction had ended, and was not sent. Await everything that sends statements before the function of the transaction returns.',
    { code: 'TRANSACTION_ENDED', category: 'bug' },
  );
}

/** What the code of a transaction is called in errors. */
export const WORK = 'the function of a transaction';

/** The code of a transaction. Rejections of statements that were in work when it threw end no process. */
export function codeOf({ statements }: Frame): CallOfCode {
  const outer = callOfCode();
  const stray = (error: unknown): void => {
    if (!statements.isAftermath(error)) passStray(outer, error);
  };
  const thrown = (error: unknown): boolean => outer?.thrown(error) ?? false;
  return { what: outer?.what ?? (() => WORK), stray, thrown };
}

/** Has the statements of a function that threw answered to whatever waits for them. */
export function answerRest({ statements }: Frame): void {
  const release = containStrays();
  // Node reports rejections before it runs what was put off.
  void statements.abandon().then(() => setImmediate(release));
}

/** Runs `fn` as code of this level. */
export function within<T>(frame: Frame, level: Level, fn: () => Promise<T>): Promise<T> {
  return current.run({ frame, level, outer: current.getStore() }, fn);
}

/** Returns the level of the running code; the innermost one for code without asynchronous context. */
export function levelIn(frame: Frame): Level {
  for (let place = current.getStore(); place !== undefined; place = place.outer)
    if (place.frame === frame) return place.level;
  return frame.scope.levels.top;
}

/** Finds the transaction that a call with this database or transaction joins. */
export function outerOf(db: object & { readonly isTransaction: boolean }): Frame | undefined {
  const frame = byTransaction.get(db);
  if (frame !== undefined) {
    if (frame.scope.open) return frame;
    throw new OutboxError(
      'the transaction that was given has ended. Give the database, to begin a new one.',
      {
        code: 'TRANSACTION_ENDED',
        category: 'bug',
      },
    );
  }
  if (db.isTransaction)
    throw new OutboxError(
      'the transaction that was given was not begun by outbox.transaction, so its commit cannot be followed. Give the database; or call outbox.append(executorOf(tx), events) as the last statement before the commit.',
      { code: 'FOREIGN_TRANSACTION', category: 'bug' },
    );
  const around = current.getStore()?.frame;
  return around?.db === db && around.scope.open ? around : undefined;
}

interface Emitted {
  readonly row: EventRow;
  readonly level: Level;
}

/** The events of one attempt of a transaction, each with its savepoint, until they are written. */
class Scope {
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
