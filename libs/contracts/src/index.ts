/**
 * Event contracts: what an outbox accepts and what a reader receives.
 * - An event is valid, frozen, encoded once, and reads back as it was written; invalid data throws.
 * - Records from the log are read strictly: any bytes give an envelope or a ContractError, never a crash.
 * - Published versions stay readable by upcasts; `checkSchemas` reports every incompatible change.
 * Pure: no I/O except reading and writing schema files.
 */
export { ContractError, type ContractErrorCode, type ContractIssue } from './contract-error.ts';
export { defineEvent, type DefineEventOptions } from './define-event.ts';
export { decodeEnvelope, receive, type WireRecord } from './envelope.ts';
export type { DomainEvent, EventDefinition, Upcasts } from './event-definition.ts';
export {
  FAILURE_TYPE,
  type FailedStep,
  type FailureData,
  failureEvent,
  type FailureInput,
  failureTopic,
} from './failure-event.ts';
export { checkHeaders } from './headers.ts';
export { checkPayload, MAX_PAYLOAD_BYTES, parsePayload } from './payload.ts';
export {
  comparePositions,
  formatPosition,
  parsePosition,
  type Position,
  START,
  type WirePosition,
} from './position.ts';
export type { Envelope, ReceivedEvent } from './received-event.ts';
export type { AsyncApiInfo } from './schemas/asyncapi.ts';
export { jsonSchemaOf } from './schemas/json-schema.ts';
export type { SchemaChange } from './schemas/schema-change.ts';
export { checkSchemas, writeSchemas } from './schemas/schema-files.ts';
export { STEP_UNDONE_TYPE, type StepUndoneData, stepUndoneEvent } from './step-undone-event.ts';
export { STUCK_TYPE, type StuckData, stuckEvent } from './stuck-event.ts';
export {
  SIGNATURE_LENGTH,
  signatureHeader,
  signatureOf,
  type SignedPlace,
  signingKey,
  type SigningKey,
  verifySignature,
} from './signature.ts';
export { type InferInput, type InferOutput, type StandardSchema, validate } from './standard-schema.ts';
export { boundText, MAX_TEXT_BYTES } from './text.ts';
export { contextHeaders, type EventContext } from './wire-headers.ts';
export {
  CONTENT_TYPE,
  dataSchemaOf,
  EPOCH_MARKER,
  RELAY_HEADERS,
  SPEC_VERSION,
  versionOf,
  WIRE,
} from './wire.ts';
