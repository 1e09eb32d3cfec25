/**
 * Parts of the inbox for the packages of sagas and services. Not for applications, and without a promise of stability:
 * - a part of the kit that subscribes inside a consumer, and decides about the events that are given up;
 * - parked events that such a part retries, skips or supersedes in its own transaction;
 * - the context that an emitted event inherits from the event that it answers;
 * - text and payloads in the bounds of a failure event.
 */
export { policyName } from './define/define-consumer.ts';
export type { RequestableCall, Requester } from './define/request-call.ts';
export type {
  CallContext,
  ConsumerPart,
  EmitAs,
  GiveUp,
  GiveUpContext,
  GiveUpDecision,
  Routed,
  Subscription,
} from './define/subscription.ts';
export { retryParkedOf, skipParkedOf, supersedeParked } from './operate/parked.ts';
export { identityOf } from './slice/emitted.ts';
export { Gathered, type SliceWrite } from './slice/gathered.ts';
export { eventContextOf } from './attempt/dead-letter.ts';
export { clean, payloadOf } from './slice/record-text.ts';
export { hideValuesOf } from './attempt/hide-values.ts';
export type { From } from './define/types.ts';
