/**
 * Payloads in another form than JSON on the wire: Avro, Protobuf or JSON Schema with a Confluent-compatible registry.
 * Keys, headers and order do not change. Relay and consumers of a topic take the same codec; records that are JSON are
 * read as they are, so that a topic can change its form while it is used.
 */
export { confluentCodec, type ConfluentCodecOptions, type ConfluentRegistry } from './confluent-codec.ts';
export type { PayloadCodec, PayloadOf } from './payload-codec.ts';
export { withCodec, type WithCodecOptions } from './with-codec.ts';
