/** Exports for operators: reads and changes of a consumer's database, for the CLI and the console. */
import { GIVE_UP_LIMIT, PAUSED } from '../alarms.ts';
import { putFill } from '../gap/fill-sql.ts';
import { findGaps } from '../gap/gap.ts';
import { readSources } from '../member/source-sql.ts';
import { dropType, readTypes } from '../member/type-sql.ts';
import { PARKED_STATES } from '../park/parked-row.ts';
import { planReplay, replayPartition } from '../replay/replay.ts';
import { UNREPORTED } from './contradiction.ts';
import { countFailedAttempts, groupFailures, groupParked, pageFailedKeys } from './failure-groups-sql.ts';
import { readLag, sumPartitions } from './lag.ts';
import { readMarks, readOpenGaps } from './marks-sql.ts';
import { readOverview } from './overview.ts';
import { listParked, readParked } from './parked-list.ts';
import { editParked, retryParked, skipParked } from './parked.ts';
import { pauseConsumer } from './pause.ts';
import { replaceParked } from './replace.ts';
import { resumePartition } from './resume.ts';
import { retryAll } from './retry-all.ts';
import { planRetry } from './retry-plan-sql.ts';

export { alarmDefinitions } from '../alarms.ts';
export { inPlaceMsOf } from '../attempt/next-attempt.ts';
export type { Gap } from '../gap/gap.ts';
export type { ParkedState } from '../park/parked-row.ts';
export type { ReplayPlan } from '../replay/replay.ts';
export type { ReplayFrom } from '../replay/scan.ts';
export type { FailedKey, ParkedGroup, Span } from './failure-groups-sql.ts';
export type { PartitionLag, PartitionSum } from './lag.ts';
export type { ConsumerMark, OpenGap } from './marks-sql.ts';
export type { PartitionOverview } from './overview.ts';
export type { ParkedFilter } from './parked-filter.ts';
export type { ParkedSummary } from './parked-list.ts';
export type { Resumed } from './resume.ts';
export type { RetryCounts } from './retry-decision.ts';
export type { RetryPlan } from './retry-plan-sql.ts';

/** The events that wait behind a failed event of their key, or were given up. */
export const parkedEvents = {
  states: PARKED_STATES,
  unreported: UNREPORTED,
  list: listParked,
  read: readParked,
  group: groupParked,
  retry: retryParked,
  planRetry,
  retryAll,
  skip: skipParked,
  edit: editParked,
  replace: replaceParked,
} as const;

/** The failures of consumers, counted. */
export const consumerFailures = {
  group: groupFailures,
  pageKeys: pageFailedKeys,
  countAttempts: countFailedAttempts,
} as const;

/** The partitions of consumers: how far each is, and whether it is paused or halted. */
export const consumerPartitions = {
  paused: PAUSED,
  giveUpLimit: GIVE_UP_LIMIT,
  readOverview,
  readLag,
  readMarks,
  sum: sumPartitions,
  pause: pauseConsumer,
  resume: resumePartition,
} as const;

/** The events that a consumer misses. */
export const consumerGaps = {
  find: findGaps,
  listOpen: readOpenGaps,
  fill: putFill,
} as const;

/** Replays of a partition from an earlier place. */
export const replays = {
  readSources,
  plan: planReplay,
  run: replayPartition,
} as const;

/** The types of events that a consumer has handled. */
export const consumerTypes = {
  read: readTypes,
  drop: dropType,
} as const;
