import { kafkaSettings } from '@convergekit/kafka';
import { z } from 'zod';
import { localSettings } from '../settings.ts';

export const brokerNames = ['kafka', 'local'] as const;
/** The log that a process uses: Kafka, or the one in Postgres. */
export type BrokerName = (typeof brokerNames)[number];

/** The settings that choose and describe the broker, for the schema of a process. */
export const brokerSettings = {
  broker: z.enum(brokerNames).optional().meta({
    description: 'Where events are: in Kafka, or in a log in Postgres, which is never chosen by accident.',
    fallback: 'kafka where KAFKA_BROKERS is set, else none',
  }),
  kafka: kafkaSettings.prefault({}),
  local: localSettings.prefault({}),
} as const;

export type BrokerSettings = z.output<ReturnType<typeof z.object<typeof brokerSettings>>>;

/** Returns the broker that the settings name; undefined when they name none. The function is pure. */
export function chosenBroker({
  broker,
  kafka,
}: Pick<BrokerSettings, 'broker' | 'kafka'>): BrokerName | undefined {
  return broker ?? (kafka.brokers.length > 0 ? 'kafka' : undefined);
}
