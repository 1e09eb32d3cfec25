/** Consumers: what an operator sees of them, and does. */
export { fill } from './fill.ts';
export { listGaps } from './gaps.ts';
export { haltLines, partitionState, stateText } from './halts.ts';
export { databasesOf, tables } from './partitions.ts';
export { pause } from './pause.ts';
export { replay } from './replay.ts';
export { resume } from './resume.ts';
export { dropRegistered, listTypes } from './types.ts';
