/**
 * Appends events inside a transaction of an ORM: `outbox.append(executorFrom.drizzle(tx, sql), events)`.
 * No ORM is a dependency: each adapter takes what it needs by structure. What is not an open transaction is refused, since
 * its events would commit alone.
 */
export { executorFrom } from './executor-from.ts';
