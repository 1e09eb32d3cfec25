/** Exports for operators: the CLI, the console and their doctors use them. */
export { disownRecord, readSuspect } from '../log-check/disown.ts';
export { inspectSource, type SourceInspection } from '../rebase/inspect.ts';
export { rebaseSource } from '../rebase/rebase.ts';
export { readPhantoms } from '../rebase/source-sql.ts';
export { recordAcceptance, requestAcceptance } from '../topics/accept-sql.ts';
export { acceptRecreatedTopic, forgetTopic, type HeldRecord, readHeld } from '../topics/forget-sql.ts';
export { readTopic } from '../topics/topic-sql.ts';
export { keysBetween, type MissingEvent, readMissing } from './missing.ts';
export { findSent, readSent, type SentEvent, type SentPartition } from './sent-sql.ts';

export { type Leaderless, readLeaderless } from './leaderless-sql.ts';
export { readOutbox, type OutboxState } from './outbox-sql.ts';
export type { HeldTopic } from '../backlog/flow-state.ts';
export type { TopicRecord } from '../leader/takeover-sql.ts';
export type { Phantom } from '../rebase/rebase-sql.ts';
export type { RebaseReport } from '../rebase/report.ts';
export { type HorizonBlocker, readHorizonBlockers } from '../retention/horizon-blockers.ts';
export { alarmDefinitions, conditionsOf } from '../watch/alarms.ts';
export { countWaitingCommits } from '../watch/waiting-commits-sql.ts';
export { COUNTED, type Survey } from '../watch/survey-sql.ts';
