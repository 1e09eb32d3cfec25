/**
 * The broker port. Guarantees, each checked by one contract suite against every driver:
 * - writes use acks=-1 and one request in flight per broker, with a result per partition; no driver repeats a write;
 * - the caller chooses partitions, by the Java client's hash; no client creates topics by accident;
 * - heartbeats, positions and rebalances of a consumer do not depend on how long a batch takes;
 * - only committed records are read: aborted Kafka transactions of other producers are left out, open ones are waited for;
 * - a batch that cannot be decoded, or that exceeds `maxBatchBytes`, is delivered as one record that says so.
 */
export { type Admin, type Broker, BrokerError, type BrokerErrorKind, type Producer } from './broker.ts';
