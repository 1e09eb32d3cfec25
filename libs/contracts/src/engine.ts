/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { isKey } from './define-event.ts';
export { decodeEnvelope, receive } from './envelope.ts';
export {
  type FailedStep,
  failingConsumerOf,
  type FailureData,
  failureEvent,
  type FailureInput,
} from './failure-event.ts';
export { checkHeaders } from './headers.ts';
export { checkPayload, MAX_PAYLOAD_BYTES } from './payload.ts';
export {
  comparePositions,
  formatPosition,
  parsePosition,
  type Position,
  START,
  type WirePosition,
} from './position.ts';
export type { Envelope } from './received-event.ts';
export { type StepUndoneData, stepUndoneEvent, type StuckData, stuckEvent } from './step-events.ts';
export { searchDigest } from './search.ts';
export {
  signatureHeader,
  signatureOf,
  type SignedPlace,
  type SigningKey,
  signingKey,
  verifySignature,
} from './signature.ts';
export { type InferInput, type InferOutput, type StandardSchema, validate } from './standard-schema.ts';
export { boundText } from './text.ts';
export { contextHeaders, type EventContext } from './wire-headers.ts';
export { CONTENT_TYPE, KIT_TYPES, RELAY_HEADERS, SPEC_VERSION, versionOf, WIRE } from './wire.ts';
