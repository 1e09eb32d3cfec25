/**
 * The foundation of every package: failures, services, and time, randomness and ids as arguments.
 * It imports no other package of the kit.
 */
export { type Clock, systemClock } from './clock.ts';
export { endsWithin } from './ends-within.ts';
export { BusinessRejection, type Category, type Certainty, ConvergeError, type Failure } from './failure.ts';
export { newUuidV7, type NewId } from './ids.ts';
export { type Random, seededRandom, systemRandom } from './random.ts';
export { runServices, type Service } from './service.ts';
