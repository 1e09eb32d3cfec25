/** Kafka as the broker of a process, with its login; and payloads in another form than JSON. */
export type { Broker } from '@convergekit/broker';
export {
  confluentCodec,
  type ConfluentCodecOptions,
  type ConfluentRegistry,
  type PayloadCodec,
  type PayloadOf,
  withCodec,
  type WithCodecOptions,
} from '@convergekit/broker/payload';
export {
  kafkaBroker,
  kafkaOptions,
  type KafkaOptions,
  kafkaSettings,
  type KafkaSettings,
  type LoginToken,
  type TokenProvider,
} from '@convergekit/kafka';
