/** Exports for operators: the CLI, the console and their doctors use them. */
import { disownRecord, readSuspect } from '../log-check/disown.ts';
import { inspectSource } from '../rebase/inspect.ts';
import { rebaseSource } from '../rebase/rebase.ts';
import { readPhantoms } from '../rebase/source-sql.ts';
import { recordAcceptance, requestAcceptance } from '../topics/accept-sql.ts';
import { acceptRecreatedTopic, forgetTopic, readHeld } from '../topics/forget-sql.ts';
import { readTopic } from '../topics/topic-sql.ts';
import { keysBetween, readMissing } from './missing.ts';
import { findSent, readSent } from './sent-sql.ts';

export { readOutbox, type OutboxState } from './outbox-sql.ts';
export type { HeldTopic } from '../backlog/flow-state.ts';
export type { TopicRecord } from '../leader/takeover-sql.ts';
export type { Phantom } from '../rebase/rebase-sql.ts';
export type { SourceInspection } from '../rebase/inspect.ts';
export type { RebaseReport } from '../rebase/report.ts';
export { type HorizonBlocker, readHorizonBlockers } from '../retention/horizon-blockers.ts';
export type { HeldRecord } from '../topics/forget-sql.ts';
export { alarmDefinitions, conditionsOf } from '../watch/alarms.ts';
export { COUNTED, type Survey } from '../watch/survey-sql.ts';
export type { MissingEvent } from './missing.ts';
export type { SentEvent, SentPartition } from './sent-sql.ts';

/** The topics that the relay publishes to: what is on record, holds, and how they end. */
export const relayTopics = {
  read: readTopic,
  readHold: readHeld,
  forget: forgetTopic,
  acceptRecreated: acceptRecreatedTopic,
  requestAcceptance,
  recordAcceptance,
} as const;

/** The identity of a source, and what its log and its database have in common. */
export const relaySource = {
  inspect: inspectSource,
  readPhantoms,
  readSuspect,
  disown: disownRecord,
  rebase: rebaseSource,
} as const;

/** What a source has sent: up to where, and the events in a range of it. */
export const sentEvents = {
  readState: readSent,
  findFirst: findSent,
  readRange: readMissing,
  readKeys: keysBetween,
} as const;
