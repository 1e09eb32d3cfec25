import type { Broker } from '../broker.ts';
import { type KafkaOptions, WireBroker } from '../wire/wire-broker.ts';
import { KafkaJsConnections } from './kafkajs-connections.ts';

/** Kafka by kafkajs's connections. */
export function kafkajsBroker(options: KafkaOptions): Broker {
  return new WireBroker('kafkajs', options, (given) => new KafkaJsConnections(given, options.log));
}
