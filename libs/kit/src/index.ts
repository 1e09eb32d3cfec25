/**
 * Exports of a service: events, outbox, consumers, external calls, sagas, workflows, reconcilers, and `service()`, which
 * runs them. `convergekit/operate` has what processes of another shape are made of; the packages of `@convergekit/*`
 * have the rest: errors, migrations, and the exports for operators.
 */
export { defineEvent, type DomainEvent, type EventDefinition } from '@convergekit/contracts';
export { BusinessRejection, ConvergeError, newUuidV7, type Service } from '@convergekit/core';
export { createOutbox, type Outbox } from '@convergekit/outbox';

export { type ConsumerDefinition, defineConsumer, type HandlerContext } from '@convergekit/inbox';
export { classifier, classify, httpAnswer, operation, retry, strategies } from '@convergekit/resilience';

export {
  defineCall,
  defineWorkflow,
  effect,
  localStep,
  type Quota,
  semanticLock,
  step,
  takeQuota,
} from '@convergekit/saga';
export { saga, starts } from '@convergekit/saga/declare';

export { defineReconciler, digestScan, digestTable, markDirty, reportKeys } from '@convergekit/reconcile';

export { connect, type Database, executorOf, migrate, withTransaction } from '@convergekit/postgres';
export { logger } from '@convergekit/telemetry';

export { clientSignal, httpServer } from '@convergekit/config';
export { service, type ServiceProcess } from './service/service.ts';
export type { Part, ServiceDefinition, ServiceParts } from './service/definition.ts';
