import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '@convergekit/core';
import type { Transaction } from 'kysely';
import { OutboxError } from './errors.ts';
import { waitingTransaction } from './level-executor.ts';
import { type Level, Levels } from './levels.ts';
import type { LostCommit } from './resolve-commit.ts';
import { Scope } from './scope.ts';

/** The frame of one attempt of an outermost transaction. */
export interface Frame {
  readonly db: unknown;
  /** The transaction for users: its statements wait for savepoints of other code. */
  readonly tx: unknown;
  /** The transaction without that wait, for the kit's own statements. */
  readonly plainTx: unknown;
  readonly scope: Scope;
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
  const tx = waitingTransaction(plainTx, levels, () => levelIn(frame));
  const scope = new Scope(levels);
  const frame: Frame = { db, tx, plainTx, scope, claims: [], savepoints: 0, lost: undefined };
  byTransaction.set(tx, frame);
  return frame;
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
