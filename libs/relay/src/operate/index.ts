/** Exports for operators: the CLI, the console and their doctors use them. */
export type { ActingOperator } from './acting-operator.ts';
export { alarmDefinitions, conditionsOf } from '../watch/alarms.ts';
export type { HeldTopic } from '../backlog/flow-state.ts';
export { COUNTED, type Survey } from '../watch/survey-sql.ts';
export { recordAcceptance, requestAcceptance } from '../topics/accept-sql.ts';
export { acceptRecreatedTopic, forgetTopic, type HeldRecord, readHeld } from '../topics/forget-sql.ts';
export { disownRecord, readSuspect } from '../log-check/disown.ts';
export { inspectSource, type SourceInspection } from '../rebase/inspect.ts';
export type { Phantom } from '../rebase/rebase-sql.ts';
export { rebaseSource } from '../rebase/rebase.ts';
export type { RebaseReport } from '../rebase/report.ts';
export { readPhantoms } from '../rebase/source-sql.ts';
export { type HorizonBlocker, readHorizonBlockers } from '../retention/horizon-blockers.ts';
export { readTopic } from '../topics/topic-sql.ts';
export type { TopicRecord } from '../leader/takeover-sql.ts';
export { keysBetween, type MissingEvent, readMissing } from './missing.ts';
export { type OutboxState, readOutbox } from './read-outbox.ts';
export { findSent, readSent, type SentEvent, type SentPartition } from './sent-sql.ts';
