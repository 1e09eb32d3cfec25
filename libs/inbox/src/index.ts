/**
 * Consumers. Guarantees, for handlers that write only through the `tx` they get:
 * - each event takes effect once, however often and by whichever member it is delivered; no retention window bounds that;
 * - events of one key in one topic reach every handler in the order of the log;
 * - a missing event is detected by the predecessor that the next one names, and halts its partition with a named alarm;
 * - an event that cannot be handled becomes a dead letter and a failure event, in the transaction that skips it;
 * - an outage of the consumer's own database is waited for: nothing is given up and no attempt is counted.
 */
export { consumerRef } from './define/consumer-ref.ts';
export { type ConsumerDefinition, defineConsumer } from './define/define-consumer.ts';
export type {
  BatchContext,
  BatchHandler,
  EventContext,
  FailureContext,
  FailureHandler,
  Handler,
  HandlerContext,
} from './define/types.ts';
export type { InboxErrorCode } from './errors.ts';
export type { HandlerRun, Middleware } from './attempt/middleware.ts';
export { inboxMigrations } from './migrations.ts';
export type { SignatureOptions } from './plan/signatures.ts';
export { type ConsumerService, consumerService } from './service/consumer-service.ts';
export type { ConsumerServiceOptions } from './service/options.ts';
export { livePolicies } from './service/live-policies.ts';
export type { ConsumerStatus, PartitionStatus } from './member/status.ts';
