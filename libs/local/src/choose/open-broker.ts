import { type Broker, BrokerError } from '@convergekit/broker';
import type { Log } from '@convergekit/broker/engine';
import { kafkaBroker, kafkaOptions } from '@convergekit/kafka';
import { localBroker } from '../local-broker.ts';
import { localOptions } from '../settings.ts';
import { type BrokerSettings, chosenBroker } from './settings.ts';

export interface OpenBroker {
  readonly clientId: string;
  /** The process's own database: the log's, where no other is set. @default the standard PG* variables */
  readonly databaseUrl?: string | undefined;
  /** @default the driver's */
  readonly requestTimeoutMs?: number;
  /** @default nothing is logged */
  readonly log?: Log;
}

/** Opens the broker of the settings. It connects on first use. Throws a BrokerError when the settings name none. */
export function openBroker(settings: BrokerSettings, { databaseUrl, ...use }: OpenBroker): Broker {
  const chosen = chosenBroker(settings);
  if (chosen === 'local') return localBroker({ ...use, ...localOptions(settings.local, databaseUrl) });
  if (chosen === undefined || settings.kafka.brokers.length === 0)
    throw new BrokerError(
      'no broker is set: give KAFKA_BROKERS as host:port[,host:port…], or set CONVERGE__BROKER=local for a log in Postgres',
      { code: 'BROKER_NOT_SET', kind: 'configuration' },
    );
  return kafkaBroker({ ...use, ...kafkaOptions(settings.kafka) });
}
