/** Kafka as a broker: `kafkaBroker` opens it, `kafkaSettings` is its part of the settings of a process. */
export { kafkaBroker } from './kafka-broker.ts';
export { type DriverName, driverNames, kafkaOptions, type KafkaSettings, kafkaSettings } from './settings.ts';
export type { KafkaOptions } from './wire/wire-broker.ts';
