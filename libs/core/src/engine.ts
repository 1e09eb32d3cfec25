/** What other packages of the kit build on and no application needs. It may change in any version. */
export { type Backoff, cappedMs, delayMs } from './backoff.ts';
export { failpoint } from './failpoint.ts';
export { CATEGORIES, CERTAINTIES } from './failure.ts';
export { deterministicUuid } from './ids.ts';
export type { NextRun } from './poll.ts';
export type { RunOptions } from './service.ts';
