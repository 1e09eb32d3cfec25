/** Exports for operators: reads and changes of a consumer's database, for the CLI and the console. */
export { GIVE_UP_LIMIT, PAUSED, alarmDefinitions } from '../alarms.ts';
export { putFill } from '../gap/fill-sql.ts';
export { findGaps, type Gap } from '../gap/gap.ts';
export { readSources } from '../member/source-sql.ts';
export { dropType, readTypes } from '../member/type-sql.ts';
export { PARKED_STATES, type ParkedState } from '../park/parked-row.ts';
export { planReplay, replayPartition, type ReplayPlan } from '../replay/replay.ts';
export { UNREPORTED } from './contradiction.ts';
export {
  countFailedAttempts,
  groupFailures,
  groupParked,
  pageFailedKeys,
  type FailedKey,
  type ParkedGroup,
  type Span,
} from './failure-groups-sql.ts';
export { readLag, sumPartitions, type PartitionLag, type PartitionSum } from './lag.ts';
export { readMarks, readOpenGaps, type ConsumerMark, type OpenGap } from './marks-sql.ts';
export { readOverview, type PartitionOverview } from './overview.ts';
export { listParked, readParked, type ParkedSummary } from './parked-list.ts';
export { editParked, retryParked, skipParked } from './parked.ts';
export { pauseConsumer } from './pause.ts';
export { replaceParked } from './replace.ts';
export { resumePartition, type Resumed } from './resume.ts';
export { retryAll } from './retry-all.ts';
export { planRetry, type RetryPlan } from './retry-plan-sql.ts';
export { inPlaceMsOf } from '../attempt/next-attempt.ts';
export type { ReplayFrom } from '../replay/scan.ts';
export type { ParkedFilter } from './parked-filter.ts';
export type { RetryCounts } from './retry-decision.ts';
