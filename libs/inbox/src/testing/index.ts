/** Exports for the kit's tests: a source without a relay, quick policies, parts of a slice. */
export { type FixtureRecord, FixtureSource, sendRecords } from './fixture-source.ts';
export { inPlace, makeTopics, quickSchedule, tag } from './quick.ts';
export { readRecord } from '../plan/reading.ts';
export { router } from '../define/routes.ts';
export type { SliceContext } from '../slice/context.ts';
export { Emitted } from '../slice/emitted.ts';
export { failureEventOf } from '../attempt/failure-events.ts';
export { causeOf, type DeadLetter, failureEventId, parkedId } from '../attempt/dead-letter.ts';
export { attemptOf } from '../attempt/attempt.ts';
