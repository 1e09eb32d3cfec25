/**
 * Tests of consumers and sagas on a real Postgres, without a broker: one event (`applyOne`), several services until
 * quiet (`applyAll`), a saga in every order (`sagaTrial`). Guarantees:
 * - the consumers are the real ones, with their slices, fences and outboxes; only relays and Kafka are replaced;
 * - equal seeds give equal orders, and a failure names its seed and what was delivered;
 * - when a promise has ended, nothing that it started runs any more.
 */
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
