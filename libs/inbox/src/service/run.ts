import type { PolicyLayer } from '@convergekit/resilience';
import { runServices, type RunOptions } from '@convergekit/core';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import { consumerService } from './consumer-service.ts';
import { livePolicies } from './live-policies.ts';
import type { ConsumerServiceOptions } from './options.ts';

export interface RunConsumersOptions<DB> extends ConsumerServiceOptions<DB> {
  /** What code and configuration say about policies, below the central table of the database. @default none */
  readonly policyLayers?: readonly PolicyLayer[];
  readonly run?: RunOptions;
}

/**
 * Runs consumers until a signal or until one of them cannot go on; a second signal exits at once. Unless `policies` are given,
 * those of the database's central table are watched, and changes hold without a restart.
 */
export function run<DB>(
  consumers: readonly ConsumerDefinition<DB>[],
  { run: how, policyLayers = [], ...options }: RunConsumersOptions<DB>,
): Promise<void> {
  if (options.policies !== undefined) return runServices([consumerService(consumers, options)], how);
  const policies = livePolicies({ database: options.database, layers: policyLayers });
  return runServices([policies, consumerService(consumers, { ...options, policies })], how);
}
