/** Exports for operators: reads and changes of a consumer's database, for the CLI and the console. */
export { alarmDefinitions, GIVE_UP_LIMIT, PAUSED } from '../alarms.ts';
export { putFill } from '../gap/fill-sql.ts';
export { findGaps, type Gap } from '../gap/gap.ts';
export { readSources } from '../member/source-sql.ts';
export { readTypes } from '../member/type-sql.ts';
export { PARKED_STATES, type ParkedState } from '../park/parked-row.ts';
export { planReplay, replayPartition, type ReplayPlan } from '../replay/replay.ts';
export { UNREPORTED } from './contradiction.ts';
export { dropType } from './drop-type.ts';
export {
  countFailedAttempts,
  type FailedKey,
  groupFailures,
  groupParked,
  pageFailedKeys,
  type ParkedGroup,
  type Span,
} from './failure-groups-sql.ts';
export { type PartitionLag, type PartitionSum, readLag, sumPartitions } from './lag.ts';
export { type ConsumerMark, type OpenGap, readMarks, readOpenGaps } from './marks-sql.ts';
export { type PartitionOverview, readOverview } from './overview.ts';
export { listParked, type ParkedSummary, readParked } from './parked-list.ts';
export { editParked, retryParked, skipParked } from './parked.ts';
export { pauseConsumer } from './pause.ts';
export { replaceParked } from './replace.ts';
export { type Resumed, resumePartition } from './resume.ts';
export { retryAll } from './retry-all.ts';
export { planRetry, type RetryPlan } from './retry-plan-sql.ts';
export { inPlaceMsOf } from '../attempt/next-attempt.ts';
export type { ReplayFrom } from '../replay/scan.ts';
export { type ParkedFilter, retriedFilter } from './parked-filter.ts';
export type { RetryCounts } from './retry-decision.ts';
