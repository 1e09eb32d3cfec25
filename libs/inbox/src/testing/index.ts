/** What tests of the kit use: a source without a relay, quick policies, and the parts of a slice that a model replays. */
export { FixtureSource, sendRecords } from './fixture-source.ts';
export { inPlace, makeTopics, quickSchedule, tag } from './quick.ts';
export { readRecord } from '../plan/reading.ts';
export { router } from '../define/routes.ts';
export type { SliceContext } from '../slice/context.ts';
export { Emitted } from '../slice/emitted.ts';
export { failureEventOf } from '../attempt/failure-events.ts';
export { causeOf, type DeadLetter, failureEventId, parkedId } from '../attempt/dead-letter.ts';
export { attemptOf } from '../attempt/attempt.ts';
