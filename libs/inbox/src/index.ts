/**
 * Consumers. Guarantees, for handlers that write only through the `tx` they get:
 * - each event takes effect once, however often it is delivered, by whichever member; no retention window bounds that;
 * - events of one key reach every handler in the order of the log;
 * - an event that never came is noticed by the next one's predecessor, and halts its partition by name;
 * - an event that cannot be handled becomes a dead letter and a failure event, in the transaction that passes it;
 * - an outage of the consumer's own database is waited for: nothing is given up, no attempt is counted.
 */
export {
  type ConsumerDefinition,
  defineConsumer,
  type DefineConsumerOptions,
} from './define/define-consumer.ts';
export type {
  BatchContext,
  BatchHandler,
  EventContext,
  EventOptions,
  FailedEvent,
  FailureContext,
  FailureHandler,
  FailureOptions,
  From,
  Handler,
  HandlerContext,
  HandlerOptions,
  Refetch,
  OnGap,
  Start,
  UnknownTypes,
} from './define/types.ts';
export type { TrustedSources } from './define/trusted-sources.ts';
export type { ConsumerPart, PartOf } from './define/part.ts';
export type { CallContext, EmitAs, GivingUp, Routed, Subscription } from './define/subscription.ts';
export type { GaveUp, GivenUp } from './decide/given-up.ts';
export { policyName } from './define/policy-name.ts';
export { InboxError, type InboxErrorCode } from './errors.ts';
export type { Call, Middleware } from './middleware/middleware.ts';
export { type FillEvent, putFill } from './fill/fill-sql.ts';
export { findGaps, type Gap } from './fill/gap.ts';
export type { ReplayFrom } from './decide/replay.ts';
export { planReplay, type ReplayPlan, replayPartition } from './operate/replay.ts';
export {
  editParked,
  type Operator,
  type ParkedEvents,
  retryParked,
  retryParkedOf,
  skipParked,
  skipParkedOf,
  supersedeParked,
} from './operate/parked.ts';
export {
  groupParked,
  listParked,
  type ParkedDetail,
  type ParkedFilter,
  type ParkedGroup,
  type ParkedSummary,
  readParked,
} from './operate/parked-list.ts';
export { PARKED_STATES, type ParkedState } from './park/parked-row.ts';
export type { ParkedTotals, ParkingPolicy } from './park/parking.ts';
export type { SignatureOptions } from './decide/signatures.ts';
export { type Resumed, resumePartition, type ResumeOptions } from './operate/resume.ts';
export { inboxMigrations } from './migrations.ts';
export { type PartitionOverview, readOverview } from './query/overview.ts';
export { type PartitionRow, readPartitions } from './query/partition.ts';
export { identityOf } from './slice/emitted.ts';
export { storyOf } from './slice/letter.ts';
export { readSources } from './query/source.ts';
export { dropType, readTypes, type RegisteredType } from './query/type.ts';
export { type ConsumerService, consumerService } from './service/consumer-service.ts';
export { livePolicies, type LivePoliciesOptions } from './service/live-policies.ts';
export type { ConsumerServiceOptions } from './service/options.ts';
export { run, type RunConsumersOptions } from './service/run.ts';
export type { SourceConflict } from './service/sources.ts';
export type { ConsumerStatus, PartitionStatus } from './service/status.ts';
