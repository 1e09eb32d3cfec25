/**
 * The write side of the transactional outbox. Guarantees:
 * - an event is in the outbox if and only if its transaction committed;
 * - of two events with one key, the one whose transaction committed first has the lower id;
 * - a payload is stored byte for byte as encoded, and an invalid event is refused with nothing written;
 * - a request key is answered once: repeats, even concurrent ones, get the same answer and have no second effect;
 * - the outcome of a COMMIT without an answer is looked up, never guessed.
 */
export { createOutbox, type Outbox, type TransactionFunction } from './outbox.ts';
export type { OutboxTransaction } from './transaction.ts';
export { OutboxError, type OutboxErrorCode } from './errors.ts';
export { outboxMigrations } from './migrations.ts';
