import type { Broker } from '../broker.ts';
import { type KafkaOptions, WireBroker } from '../wire/wire-broker.ts';
import { PlatformaticConnections } from './platformatic-connections.ts';

/** Kafka by the connections of @platformatic/kafka, which is loaded at the first connection (a quarter of a second). */
export function platformaticBroker(options: KafkaOptions): Broker {
  return new WireBroker('platformatic', options, (given) => new PlatformaticConnections(given));
}
