/**
 * The foundation of every package: failures, services, and time, randomness and ids as arguments.
 * It imports no other package of the kit.
 */
export { type Backoff, cappedMs, delayMs } from './backoff.ts';
export { type Clock, systemClock } from './clock.ts';
export { endsWithin } from './ends-within.ts';
export { failpoint } from './failpoint.ts';
export {
  BusinessRejection,
  type BusinessRejectionDetail,
  CATEGORIES,
  type Category,
  CERTAINTIES,
  type Certainty,
  ConvergeError,
  type ConvergeErrorDetail,
  type Failure,
} from './failure.ts';
export { deterministicUuid, newUuidV7, type NewId } from './ids.ts';
export { loopService, type LoopServiceOptions } from './loop-service.ts';
export { type NextRun, poll, type PollOptions, Wake } from './poll.ts';
export { type Random, seededRandom, systemRandom } from './random.ts';
export { runServices, type RunOptions, type Service } from './service.ts';
