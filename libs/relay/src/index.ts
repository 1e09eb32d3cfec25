/**
 * The outbox, read side. Guarantees:
 * - an event is sent only after a durable tick that saw its commit, so nothing is published that a crash could undo;
 * - windows are ordered by id within a tick and by tick: the same for every relay, after any crash;
 * - per partition, records are written in that order; a crash or a takeover repeats a piece of the order, it never
 *   changes it or leaves something out, and repeats are at most what was sent since the last saved cursor;
 * - each record names its position (ce_pos) and its predecessor in the partition (ce_prev);
 * - one relay leads; a deposed one cannot move a cursor, because every row compares its own term.
 */
export {
  type AlarmDefinition,
  alarmDefinitions,
  type AlarmLimits,
  type AlarmName,
  type Condition,
  conditionsOf,
  type RelayFacts,
} from './alarms.ts';
export {
  type Acceptance,
  readAcceptance,
  recordAcceptance,
  requestAcceptance,
  withdrawAcceptance,
} from './accept-sql.ts';
export { acceptMadeAgain, forgetTopic, type HeldRecord, readHeld } from './forget-sql.ts';
export { keysBetween } from './missing/keys-between.ts';
export { type MissingEvent, type MissingRequest, readMissing } from './missing/missing.ts';
export { relayMigrations } from './migrations.ts';
export type { RelayOptions } from './options.ts';
export type { PollSettings } from './poll-interval.ts';
export type { Log, RelayDatabase } from './ports.ts';
export { type Relay, relay } from './relay.ts';
export type { HeldTopic } from './held-topic.ts';
export type { RelayStatus } from './status.ts';
export type { Alarm } from './watch/alarm-board.ts';
export { COUNTED, survey, type Survey } from './watch/survey-sql.ts';
export { LogCheckError } from './log-check/refusal.ts';
export type { LogComparison } from './log-check/log-check.ts';
export { disownRecord, readSuspect } from './log-check/disown.ts';
export type { Refusal, RefusalCode } from './log-check/judge.ts';
export { inspectSource, type SourceInspection } from './rebase/inspect.ts';
export { rebaseSource, type RebaseRequest } from './rebase/rebase.ts';
export type { RebasedPartition, RebaseReport } from './rebase/report.ts';
export type { Phantom } from './rebase/rebase-sql.ts';
export { readPhantoms } from './rebase/source-sql.ts';
export { type HorizonBlocker, readHorizonBlockers } from './retention/horizon-blockers.ts';
export type { RetentionSettings } from './retention/settings.ts';
