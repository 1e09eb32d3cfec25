/**
 * Event contracts: what an outbox accepts and what a reader receives.
 * - An event is valid, frozen, encoded once, and reads back as it was written; invalid data throws.
 * - Records from the log are read strictly: any bytes give an envelope or a ContractError, never a crash.
 * - Published versions stay readable by upcasts; `checkSchemas` of `/operate` reports every incompatible change.
 * Pure: no I/O. Only `/operate` reads and writes files: the schemas.
 */
export { ContractError, type ContractErrorCode } from './contract-error.ts';
export { defineEvent } from './define-event.ts';
export type { DomainEvent, EventDefinition } from './event-definition.ts';
export { failureTopic } from './failure-event.ts';
export type { ReceivedEvent } from './received-event.ts';
