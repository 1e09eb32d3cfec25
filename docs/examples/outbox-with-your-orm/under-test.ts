import type { Executor } from '@convergekit/postgres';
import type { Order } from './events.ts';

/** An ORM, as the contract of the adapters uses it. */
export interface OrmUnderTest {
  /** The function of the guide. */
  place(order: Order): Promise<unknown>;
  transaction(work: (tx: OrmTransaction) => Promise<void>): Promise<unknown>;
  /** The executor of something that is no transaction: it must throw. */
  outside(): Executor;
  close(): Promise<unknown>;
}

export interface OrmTransaction {
  /** Inserts by the means of the ORM, and sends the statement. */
  insert(order: Order): Promise<unknown>;
  executor(): Executor;
  /** Runs work in a savepoint, by the means of the ORM where it has them. */
  savepoint(work: (tx: OrmTransaction) => Promise<void>): Promise<unknown>;
}
