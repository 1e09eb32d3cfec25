/**
 * Exports of a service: events, consumers, external calls, sagas, workflows, reconcilers, and `defineService()`, which runs them.
 * `convergekit/postgres` has the outbox in your own transactions, `convergekit/kafka` the options of the broker,
 * `convergekit/http` what handlers of requests need, `convergekit/telemetry` the traces and metrics of a process, and
 * `convergekit/process` the parts of a service for a main of your own.
 */
export {
  type DomainEvent,
  defineEvent,
  type EventDefinition,
  type ReceivedEvent,
} from '@convergekit/contracts';
export {
  BusinessRejection,
  type Clock,
  ConvergeError,
  type NewId,
  newUuidV7,
  type Service,
  systemClock,
  systemRandom,
} from '@convergekit/core';
export type { TransactionFunction } from '@convergekit/outbox';
export type { Database } from '@convergekit/postgres';

export {
  type ConsumerDefinition,
  consumerRef,
  defineConsumer,
  type HandlerContext,
} from '@convergekit/inbox';
export {
  classifier,
  classify,
  defaultPolicy,
  operation,
  type Operation,
  type OperationContext,
  type OperationDefinition,
  type OperationGuards,
  type Policy,
  type PolicyRules,
  retry,
  type SlowSchedule,
  strategies,
} from '@convergekit/resilience';

export {
  type Call,
  type CallContext,
  defineCall,
  defineWorkflow,
  type WorkerCall,
  type Found,
  type LocalContext,
  localStep,
  type WorkflowStep,
  type Quota,
  semanticLock,
  type SemanticLock,
  step,
  takeQuota,
  type CompensationAnswer,
  type CompensationContext,
  type Compensation,
  type Workflow,
} from '@convergekit/saga';
export { defineSaga, type SagaDeclaration, starts, type StepRef } from '@convergekit/saga/declare';

export {
  defineReconciler,
  from,
  digestScan,
  digestTable,
  markDirty,
  type Reconciler,
  type ReconcilerDefinition,
  reportKeys,
  type ScanChunk,
} from '@convergekit/reconcile';

export { logger } from '@convergekit/telemetry';
export { defineService, type ServiceProcess } from './service/service.ts';
export type { Part, ServiceDefinition, ServiceParts } from './service/definition.ts';
