/**
 * The write side of the transactional outbox. Guarantees:
 * - an event is in the outbox if and only if its transaction committed;
 * - of two events with one key, the one whose transaction committed first has the lower id;
 * - a payload is stored byte for byte as encoded, and an invalid event is refused with nothing written;
 * - a request key is answered once: repeats, even concurrent ones, get the same answer and have no second effect;
 * - the outcome of a COMMIT without an answer is looked up, never guessed.
 */
export { createOutbox, type Outbox, type OutboxOptions } from './outbox.ts';
export type { OutboxTransaction, OutboxTransactionOptions } from './transaction.ts';
export type { KeyedRequest } from './request-key.ts';
export type { AppendContext, AppendEvent } from './event-row.ts';
export { OutboxError, type OutboxErrorCode } from './errors.ts';
export { outboxMigrations } from './migrations.ts';
export { nameSource, OUTBOX, type OutboxRow, readSource, type Source } from './tables.ts';
export { ensureChildren, type EnsureChildrenOptions, listChildren, type OutboxChild } from './children.ts';
export {
  scheduleDetach,
  type DetachingChild,
  type DetachOptions,
  type DetachState,
  type DetachStep,
  readDetaching,
  stepDetach,
} from './detach.ts';
export { type LimitSettings, measureOutbox, type OutboxLimit, readLimit, secondsToFull } from './limit.ts';
export { forgetRequests } from './request-retention.ts';
