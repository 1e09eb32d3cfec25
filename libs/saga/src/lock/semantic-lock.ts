import { type Executor, executorOf } from '@convergekit/postgres';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { logger, type Logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';
import { SagaError } from '../errors.ts';
import { lockSql } from './lock-sql.ts';

/**
 * The reaction to a row that another, unfinished saga has marked.
 * reject   the event is rejected (a BusinessRejection)
 * queue    the event waits with its key, and is retried
 * warn     the step continues, and gets the name of the saga that holds the mark
 */
export type OnPending = 'reject' | 'queue' | 'warn';

export type Marked =
  | { readonly kind: 'ours' }
  /** The result of `warn` at another saga's mark, which stays. */
  | { readonly kind: 'pending'; readonly saga: string };

export interface SemanticLock {
  /**
   * Marks a row for an instance, until `free`. A saga's first step on the row calls it; a repeat finds its own mark.
   * `reject` throws a BusinessRejection, `queue` an error that makes the event be retried.
   */
  take<DB>(tx: Transaction<DB>, id: unknown, instance: string, onPending: OnPending): Promise<Marked>;
  /** Removes an instance's mark, in its last step and in each undo. The mark of another instance stays. */
  free<DB>(tx: Transaction<DB>, id: unknown, instance: string): Promise<void>;
  /** Returns the saga that may still undo the row, for readers who must not take it as final. */
  pending<DB>(tx: Transaction<DB>, id: unknown): Promise<string | undefined>;
}

export interface SemanticLockOptions {
  /** The table, which has a column `pending_saga text`. */
  readonly table: string;
  /** The column of the table's key. @default id */
  readonly key?: string;
  /** The log of rows that are waited for or refused. @default the kit's logger `saga` */
  readonly log?: Logger;
}

/**
 * Marks rows that an unfinished saga has changed and may still undo. The steps of a saga commit one by one, and no
 * other transaction should build upon such rows without knowing. A mark lasts across transactions, without a lock of
 * the database.
 * @example
 * ```ts
 * import { defineConsumer, semanticLock, step } from 'convergekit';
 * import { placeOrder, type ShopDb, stockReserved, stockReturned } from './shop.ts';
 *
 * const orders = semanticLock({ table: 'orders', key: 'orderId' }); // the table has a column `pending_saga text`
 * export const stock = defineConsumer<ShopDb>('stock', { from: 'first' }).include(
 *   step(placeOrder.reserve, {
 *     apply: async ({ data }, { tx, instance }) => {
 *       await orders.take(tx, data.orderId, instance, 'queue');
 *       return stockReserved(data);
 *     },
 *     compensate: async ({ intent: { data }, instance }, { tx }) => {
 *       await orders.free(tx, data.orderId, instance); // and in the last step of the saga
 *       return stockReturned(data);
 *     },
 *   }),
 * );
 * ```
 */
export function semanticLock({ table, key = 'id', log = logger('saga') }: SemanticLockOptions): SemanticLock {
  const sql = lockSql(table, key);
  const holder = async (executor: Executor, id: unknown): Promise<string | undefined> => {
    const { rows } = await executor.query<{ pending_saga: string | null }>(sql.read, [id]);
    if (rows[0] === undefined)
      throw new SagaError(
        'LOCK_ROW_MISSING',
        `${table} has no row whose ${key} is ${String(id)}: nothing can be marked`,
        {
          category: 'bug',
        },
      );
    return rows[0].pending_saga ?? undefined;
  };
  return Object.freeze({
    take: async <DB>(tx: Transaction<DB>, id: unknown, instance: string, onPending: OnPending) => {
      const executor = executorOf(tx);
      const { rowCount } = await executor.query(sql.take, [id, instance]);
      if (rowCount > 0) return { kind: 'ours' } as const;
      const saga = await holder(executor, id);
      // The mark was removed between the two statements: the next attempt takes the row.
      if (saga === undefined) throw pendingError(table, id, 'one that ended just now');
      switch (onPending) {
        case 'reject':
          throw new BusinessRejection(`${table} ${String(id)} is pending for saga ${saga}`, {
            code: 'ROW_PENDING',
          });
        case 'queue':
          throw pendingError(table, id, saga);
        case 'warn':
          log.warn({ table, id, saga }, 'the row is pending for another saga, which may undo what it shows');
          return { kind: 'pending', saga } as const;
      }
    },
    free: async <DB>(tx: Transaction<DB>, id: unknown, instance: string) => {
      await executorOf(tx).query(sql.free, [id, instance]);
    },
    pending: <DB>(tx: Transaction<DB>, id: unknown) => holder(executorOf(tx), id),
  });
}

function pendingError(table: string, id: unknown, saga: string): ConvergeError {
  return new ConvergeError(
    `${table} ${String(id)} is pending for saga ${saga}: retried when it may be free`,
    {
      code: 'ROW_PENDING',
      category: 'service',
      certainty: 'not_applied',
    },
  );
}
