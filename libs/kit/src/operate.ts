/** Exports for processes of another shape than `service()`: its parts one by one, and the `converge` command. */
export { run } from '@convergekit/cli';
export { healthServer, loadConfig } from '@convergekit/config';
export { runServices } from '@convergekit/core';
export { effectsOf, sagaMigrations, sagaObserver, sagaWatch, sagaWorker, workflows } from '@convergekit/saga';
export { consumerService, inboxMigrations, livePolicies } from '@convergekit/inbox';
export { kafkaBroker, kafkaOptions, kafkaSettings } from '@convergekit/kafka';
export { outboxMigrations } from '@convergekit/outbox';
export { reconcileMigrations, reconcilerService, runReconciler } from '@convergekit/reconcile';
export { relay, relayMigrations } from '@convergekit/relay';
export { policyBook, policyLayersOf, SharedGuards } from '@convergekit/resilience';
export type { BrokerSettings } from '@convergekit/local/choose';
export { openBroker } from './broker.ts';
