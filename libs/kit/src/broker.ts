import type { Broker } from '@convergekit/broker';
import { ConvergeError } from '@convergekit/core';
import { kafkaBroker, kafkaOptions, type KafkaSettings } from '@convergekit/kafka';
import { logger } from '@convergekit/telemetry';

/** The settings of a process that choose its broker. */
export interface BrokerSettings {
  readonly kafka: KafkaSettings;
}

export interface BrokerUse {
  /** Time limit of a request, in milliseconds. @default the driver's */
  readonly requestTimeoutMs?: number;
}

/** Opens the broker that the settings choose. It connects at its first use. Throws CONFIG_MISSING without one. */
export function openBroker({ kafka }: BrokerSettings, clientId: string, use: BrokerUse = {}): Broker {
  if (kafka.brokers.length === 0)
    throw new ConvergeError(
      'KAFKA_BROKERS is not set: give it as host:port[,host:port…] of the Kafka cluster',
      { code: 'CONFIG_MISSING', category: 'configuration', certainty: 'not_applied' },
    );
  const log = logger('kafka');
  return kafkaBroker({
    clientId,
    ...use,
    ...kafkaOptions(kafka),
    log: (level, message, details) => log[level](details, message),
  });
}
