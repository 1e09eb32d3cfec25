/** Kafka as a broker: `kafkaBroker` opens it, `kafkaSettings` are the settings of a process for it. */
export { kafkaBroker } from './kafka-broker.ts';
export { type DriverName, driverNames, kafkaOptions, type KafkaSettings, kafkaSettings } from './settings.ts';
export type { KafkaOptions } from './wire/wire-broker.ts';
export type { LoginToken, TokenProvider } from './wire/connection.ts';
