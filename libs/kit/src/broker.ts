import type { Broker } from '@convergekit/broker';
import { type BrokerSettings, chosenBroker, openBroker as openChosen } from '@convergekit/local/choose';
import { logger } from '@convergekit/telemetry';

export interface BrokerUse {
  /** The process's own database, which has the log of local mode where no other is set. @default the PG* variables */
  readonly databaseUrl?: string | undefined;
}

/**
 * Opens the broker that the settings choose. It connects at its first use. Throws BROKER_NOT_SET without one.
 * @example
 * ```ts
 * import { type BrokerSettings, consumerService, openBroker } from 'convergekit/process';
 * import { database, payments } from './shop.ts';
 *
 * // Kafka or the log in Postgres, as the settings of the process say.
 * export const consumers = (settings: BrokerSettings) =>
 *   consumerService([payments], { database, broker: openBroker(settings, 'payments') });
 * ```
 */
export function openBroker(settings: BrokerSettings, clientId: string, use: BrokerUse = {}): Broker {
  const log = logger(chosenBroker(settings) ?? 'broker');
  return openChosen(settings, {
    clientId,
    ...use,
    log: (level, message, details) => log[level](details, message),
  });
}
