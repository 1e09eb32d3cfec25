import type { Broker } from './broker.ts';
import type { DriverName } from './driver-names.ts';
import { kafkajsBroker } from './kafkajs/kafkajs-broker.ts';
import { platformaticBroker } from './platformatic/platformatic-broker.ts';
import type { KafkaOptions } from './wire/wire-broker.ts';

const DRIVERS: Readonly<Record<DriverName, (options: KafkaOptions) => Broker>> = {
  kafkajs: kafkajsBroker,
  platformatic: platformaticBroker,
};

export interface KafkaBrokerOptions extends KafkaOptions {
  /** Whose connections are used; everything above them is the same (docs/decisions says why this default). @default kafkajs */
  readonly driver?: DriverName | undefined;
}

/** Kafka by a driver that a setting names. */
export function kafkaBroker({ driver = 'kafkajs', ...options }: KafkaBrokerOptions): Broker {
  return DRIVERS[driver](options);
}
