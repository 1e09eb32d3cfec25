/**
 * The test kit. Real servers: a Postgres and a Kafka (given, in Docker, or embedded), fresh databases, a proxy with the
 * faults of a network. Services without a broker: one event (`applyOne`), several services until quiet (`applyAll`), a
 * saga in every order (`sagaTrial`); its graph and history, and the schemas of events. Guarantees:
 * - what `startStack` or an embedded server started is gone when its stop has resolved; after a crash of the
 *   process that started it, the next start in the same folder ends it;
 * - stacks started side by side in one folder share nothing but the downloaded jars;
 * - nothing here waits by time: conditions have deadlines, and an error names what was awaited;
 * - consumers under test are the real ones, with their slices, fences and outboxes; only relays and Kafka are replaced;
 * - equal seeds give equal orders, and a failure names its seed and what was delivered;
 * - when a promise has ended, nothing that it started runs any more.
 */
export { memoryBroker } from '@convergekit/broker/testing';
export { checkSchemas, writeSchemas } from '@convergekit/contracts/operate';
export { seededRandom } from '@convergekit/core';
export { checkGraph, drawSaga } from '@convergekit/saga/declare';
export { recordHistory, replayHistory } from '@convergekit/saga/testing';

export { freshDatabase } from './database.ts';
export { faultProxy, type FaultProxy } from './fault-proxy.ts';
export { freshTopic } from './fresh-topic.ts';
export { manualClock, type ManualClock } from './manual-clock.ts';
export { type Stack, startStack, withStack } from './stack/stack.ts';
export { startPostgres, type TestPostgres, withPostgres } from './stack/with-postgres.ts';
export { waitUntil } from './wait-until.ts';

export { applyAll, type ApplyAllOptions, type Quiet } from './apply/apply-all.ts';
export { applyOne, type ApplyOneOptions } from './apply/apply-one.ts';
export { type EmittedEvent, eventsOf, type GivenEvent } from './apply/events.ts';
export type { Effects, Outcome, OutcomeEnd } from './apply/outcome.ts';
export type { TableChange, Written } from './apply/written.ts';
export { serviceDatabase } from './service-database.ts';
export type { ServiceUnderTest } from './services-under-test.ts';
export { type LedgerEntry, type StubBehaviour, stubCall, type StubCall } from './stub-call.ts';
export { sagaTrial, type SagaTrialOptions, type SagaTrialResult } from './trial/saga-trial.ts';
export type { Evidence, Fault, RunEnd, RunOf, RunPlan } from './trial/types.ts';
