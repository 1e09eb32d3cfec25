/**
 * The outbox, read side. Guarantees:
 * - an event is sent only after a durable tick that saw its commit, so nothing is published that a crash could undo;
 * - windows are ordered by id within a tick and by tick: the same for every relay, after any crash;
 * - per partition, records are written in that order; a crash or a takeover repeats a piece of the order, it never
 *   changes it or leaves something out, and repeats are at most what was sent since the last saved cursor;
 * - each record names its position (ce_pos) and its predecessor in the partition (ce_prev);
 * - one relay leads; a deposed one cannot move a cursor, because every row compares its own term.
 */
export { relayMigrations } from './migrations.ts';
export type { RelayOptions } from './options.ts';
export { type Relay, relay } from './relay.ts';
export type { RelayStatus } from './watch/status.ts';
