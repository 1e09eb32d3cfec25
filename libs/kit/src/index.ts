/**
 * What a service imports: events and the outbox, consumers, external calls, sagas, workflows, reconcilers and the relay.
 * The packages of `@convergekit/*` have the rest: their errors, their migrations and the doors of operators.
 */
export { defineEvent, type DomainEvent, type EventDefinition } from '@convergekit/contracts';
export { BusinessRejection, ConvergeError, newUuidV7, runServices, type Service } from '@convergekit/core';
export { createOutbox, type Outbox } from '@convergekit/outbox';

export { consumerService, defineConsumer, type HandlerContext, run } from '@convergekit/inbox';
export {
  classifier,
  operation,
  policyBook,
  policyLayersOf,
  retry,
  strategies,
} from '@convergekit/resilience';

export { defineCall, effect, sagaWorker } from '@convergekit/effects';
export { effectsOf, sagaObserver, sagaWatch, semanticLock, step } from '@convergekit/saga';
export { saga } from '@convergekit/saga/declare';
export { defineWorkflow, localStep, workflows } from '@convergekit/workflow';

export { defineReconciler, reconcilerService, reportKeys, runReconciler } from '@convergekit/reconcile';
export { relay } from '@convergekit/relay';

export { healthServer, loadConfig } from '@convergekit/config';
export { kafkaBroker, kafkaOptions } from '@convergekit/kafka';
export { connect, type Database, migrate, withTransaction } from '@convergekit/postgres';
export { logger } from '@convergekit/telemetry';
