/** Exports for the kit's tests: a source without a relay, quick policies, parts of a slice. */
import { readRecord } from '../plan/reading.ts';
import { router } from '../define/routes.ts';
import { failureEventOf } from '../attempt/failure-events.ts';
import { causeOf, failureEventId, parkedId } from '../attempt/dead-letter.ts';
import { attemptOf } from '../attempt/attempt.ts';
import { Emitted } from '../slice/emitted.ts';

export { type FixtureRecord, FixtureSource, sendRecords } from './fixture-source.ts';
export { makeTopics, quickRetries } from './quick.ts';
export type { SliceContext } from '../slice/context.ts';
export type { DeadLetter } from '../attempt/dead-letter.ts';
export type { Emitted } from '../slice/emitted.ts';

/** Parts of a slice, for the test kit's consumers without a broker. */
export const sliceParts = {
  router,
  readRecord,
  attemptOf,
  causeOf,
  failureEventOf,
  failureEventId,
  parkedId,
  Emitted,
} as const;
