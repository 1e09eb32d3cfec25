/** Exports for operators: reads and changes of a consumer's database, for the CLI and the console. */
export { alarmDefinitions, GIVE_UP_LIMIT, PAUSED } from '../alarms.ts';
export { type FillEvent, putFill } from '../gap/fill-sql.ts';
export { findGaps, type Gap } from '../gap/gap.ts';
export type { ReplayFrom } from '../replay/scan.ts';
export { PARKED_STATES, type ParkedState } from '../park/parked-row.ts';
export { IN_PLACE_MS } from '../attempt/next-attempt.ts';
export { type PartitionLag, type PartitionSum, readLag, sumPartitions } from './lag.ts';
export { type PartitionOverview, readOverview } from './overview.ts';
export { pauseConsumer } from './pause.ts';
export { type PartitionRow, readPartitions } from '../member/partition-sql.ts';
export { readSources } from '../member/source-sql.ts';
export { dropType, readTypes } from '../member/type-sql.ts';
export { UNREPORTED } from './contradiction.ts';
export { editParked, retryParked, skipParked } from './parked.ts';
export { type ReplacedParked, replaceParked, type ReplaceOptions } from './replace.ts';
export { listParked, type ParkedSummary, readParked } from './parked-list.ts';
export {
  countFailedAttempts,
  type FailedKey,
  type FailureGroup,
  groupFailures,
  groupParked,
  type KeyCursor,
  pageFailedKeys,
  type ParkedGroup,
  type Span,
} from './failure-groups-sql.ts';
export type { ParkedFilter } from './parked-filter.ts';
export { type RetriedAll, retryAll, type RetryAllOptions } from './retry-all.ts';
export { type RetryCounts, SILENCE_MS, silenceText } from './retry-decision.ts';
export { planRetry, type RetryPlan } from './retry-plan-sql.ts';
export { planReplay, type ReplayPlan, replayPartition } from '../replay/replay.ts';
export { type Resumed, resumePartition } from './resume.ts';
export { type ConsumerMark, type OpenGap, readMarks, readOpenGaps } from './marks-sql.ts';
