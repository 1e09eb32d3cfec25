/** What tests of the kit use: a source without a relay, quick policies, and the parts of a slice that a model replays. */
export { FixtureSource, sendRecords } from './fixture-source.ts';
export { inPlace, makeTopics, quickSchedule, tag } from './quick.ts';
export { readRecord } from '../decide/reading.ts';
export { router } from '../define/routes.ts';
export type { SliceContext } from '../slice/context.ts';
export { Emitted } from '../slice/emitted.ts';
export { failureEventOf } from '../slice/failure-events.ts';
export { causeOf, type DeadLetter, failureEventId, parkedId } from '../slice/letter.ts';
export { attemptOf } from '../story/attempt.ts';
