/**
 * Exports of a service: events, outbox, consumers, external calls, sagas, workflows, reconcilers, relay. The packages
 * of `@convergekit/*` have the rest: errors, migrations, and the exports for operators.
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
