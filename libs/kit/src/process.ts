/** Exports for processes of another shape than `defineService()`: its parts one by one, and the `converge` command. */
export type { Broker } from '@convergekit/broker';
export { converge } from '@convergekit/cli';
export { healthServer, loadConfig, watchEventLoop } from '@convergekit/config';
export { runServices } from '@convergekit/core';
export { type ConsumerService, consumerService, inboxMigrations, livePolicies } from '@convergekit/inbox';
export { localBroker } from '@convergekit/local';
export type { BrokerSettings } from '@convergekit/local/choose';
export {
  reconcileMigrations,
  type ReconcilerService,
  reconcilerService,
  type RunCounts,
  runReconciler,
} from '@convergekit/reconcile';
export { type Relay, relay, relayMigrations, type RelayOptions } from '@convergekit/relay';
export { type PolicyBook, policyBook, policyLayersOf, SharedGuards } from '@convergekit/resilience';
export {
  callsOf,
  sagaMigrations,
  sagaObserver,
  sagaWatch,
  sagaWorker,
  workflows,
  type Workflows,
} from '@convergekit/saga';
export { openBroker } from './broker.ts';
