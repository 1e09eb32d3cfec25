/** What the CLI and the console read and change in a consumer's database. */
export { type FillEvent, putFill } from '../fill/fill-sql.ts';
export { findGaps, type Gap } from '../fill/gap.ts';
export type { ReplayFrom } from '../decide/replay.ts';
export { PARKED_STATES, type ParkedState } from '../park/parked-row.ts';
export { type PartitionOverview, readOverview } from '../query/overview.ts';
export { type PartitionRow, readPartitions } from '../query/partition.ts';
export { readSources } from '../query/source.ts';
export { dropType, readTypes } from '../query/type.ts';
export { editParked, type Operator, retryParked, skipParked } from './parked.ts';
export { groupParked, listParked, type ParkedFilter, type ParkedSummary, readParked } from './parked-list.ts';
export { planReplay, type ReplayPlan, replayPartition } from './replay.ts';
export { type Resumed, resumePartition } from './resume.ts';
