import type { Service } from '@convergekit/core';
import type { Outbox } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';

export interface ConvergeOptions {
  /**
   * The services of this process: consumers, relay, saga worker, reconcilers. They start in this order when the
   * application has started, and stop in reverse order. @default none: the application only emits
   */
  readonly services?: readonly Service[];
  /** For providers that inject CONVERGE_OUTBOX. @default none */
  readonly outbox?: Outbox;
  /** For providers that inject CONVERGE_DATABASE. It is not closed by the module. @default none */
  // The tables are known to the provider that injects it, not to the module.
  readonly database?: Pick<Database, 'executor' | 'pool'>;
  /** Time limit for stopping all services, in milliseconds. @default 25_000 */
  readonly stopDeadlineMs?: number;
  /** Called when a service has failed after its start. @default logs it, and ends the process by SIGTERM */
  readonly onFailed?: (name: string, error: unknown) => void;
}

/** The token of the module's options. */
export const CONVERGE_OPTIONS = Symbol('converge.options');
/**
 * The token of the outbox that the module was given.
 * @example
 * ```ts
 * import { CONVERGE_DATABASE, CONVERGE_OUTBOX } from '@convergekit/nest';
 * import type { Database } from 'convergekit';
 * import type { Outbox } from 'convergekit/postgres';
 * import type { ShopDb } from './shop.ts';
 *
 * // A provider: the transactions of the application's database, as `transaction(fn)`.
 * export const transactions = {
 *   provide: 'transactions',
 *   inject: [CONVERGE_OUTBOX, CONVERGE_DATABASE],
 *   useFactory: (outbox: Outbox, { db }: Database<ShopDb>) => outbox.for(db),
 * };
 * ```
 */
export const CONVERGE_OUTBOX = Symbol('converge.outbox');
/**
 * The token of the database that the module was given.
 * @example
 * ```ts
 * import { CONVERGE_DATABASE } from '@convergekit/nest';
 * import type { Database } from 'convergekit';
 * import type { ShopDb } from './shop.ts';
 *
 * // A provider: `providers: [openOrders]`.
 * export const openOrders = {
 *   provide: 'open-orders',
 *   inject: [CONVERGE_DATABASE],
 *   useFactory: ({ db }: Database<ShopDb>) => db.selectFrom('orders').selectAll().where('state', '=', 'placed'),
 * };
 * ```
 */
export const CONVERGE_DATABASE = Symbol('converge.database');
