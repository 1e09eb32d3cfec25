import type { BrokerErrorKind } from '@convergekit/broker/engine';

/** The meaning of a protocol error for the client. `unsure`: a write with this error may still be in the log. */
export interface ErrorMeaning {
  readonly code: string;
  readonly kind: BrokerErrorKind;
  readonly unsure?: true;
}

type Entry = readonly [protocolCode: number, meaning: ErrorMeaning];
const each = (code: string, kind: BrokerErrorKind, ...protocolCodes: readonly number[]): Entry[] =>
  protocolCodes.map((protocolCode) => [protocolCode, { code, kind }]);
const unsure = (code: string, ...protocolCodes: readonly number[]): Entry[] =>
  protocolCodes.map((protocolCode) => [protocolCode, { code, kind: 'retry', unsure: true }]);

/**
 * Meanings by protocol error code (https://kafka.apache.org/protocol#protocol_error_codes). A leader that loses the
 * leadership while a write waits for its replicas answers "not leader" after the append: such answers are unsure.
 */
export const MEANINGS: ReadonlyMap<number, ErrorMeaning> = new Map([
  ...unsure('UNKNOWN_SERVER_ERROR', -1),
  ...each('OFFSET_OUT_OF_RANGE', 'fatal', 1),
  ...each('CORRUPT_MESSAGE', 'retry', 2),
  ...each('TOPIC_UNKNOWN', 'halt_topic', 3),
  ...each('LEADER_NOT_AVAILABLE', 'retry', 5),
  ...unsure('NOT_LEADER', 6, 74),
  ...unsure('TIMEOUT', 7),
  ...each('BROKER_NOT_AVAILABLE', 'retry', 8),
  ...each('REPLICA_NOT_AVAILABLE', 'retry', 9),
  ...each('MESSAGE_TOO_LARGE', 'halt_topic', 10, 18),
  ...unsure('NETWORK_EXCEPTION', 13),
  ...each('COORDINATOR_LOADING', 'retry', 14),
  ...each('COORDINATOR_NOT_AVAILABLE', 'retry', 15),
  ...each('NOT_COORDINATOR', 'retry', 16),
  ...each('TOPIC_INVALID', 'halt_topic', 17),
  ...each('NOT_ENOUGH_REPLICAS', 'retry', 19),
  ...unsure('NOT_ENOUGH_REPLICAS', 20),
  ...each('NOT_A_MEMBER', 'retry', 22, 25, 79),
  ...each('GROUP_PROTOCOL_INCONSISTENT', 'configuration', 23),
  ...each('GROUP_ID_INVALID', 'configuration', 24),
  ...each('SESSION_TIMEOUT_INVALID', 'configuration', 26),
  ...each('REBALANCING', 'retry', 27),
  ...each('NOT_AUTHORIZED', 'halt_topic', 29),
  ...each('NOT_AUTHORIZED', 'configuration', 30, 31, 53),
  ...each('TIMESTAMP_INVALID', 'halt_topic', 32),
  ...each('NOT_AUTHENTICATED', 'configuration', 33, 34, 58),
  ...each('BROKER_TOO_OLD', 'configuration', 35),
  ...each('TOPIC_EXISTS', 'configuration', 36),
  ...each('TOPIC_INVALID', 'configuration', 37, 38, 39, 40),
  ...each('NOT_CONTROLLER', 'retry', 41),
  ...each('FORMAT_UNSUPPORTED', 'halt_topic', 43, 76),
  ...each('POLICY_VIOLATION', 'halt_topic', 44),
  ...each('PRODUCER_STATE_LOST', 'new_producer', 45, 46, 47, 49, 59, 90),
  ...unsure('STORAGE_ERROR', 56),
  ...each('FETCH_SESSION_LOST', 'retry', 70, 71),
  ...each('LISTENER_NOT_FOUND', 'retry', 72),
  ...each('TOPIC_DELETION_DISABLED', 'configuration', 73),
  ...each('NOT_LEADER', 'retry', 75),
  ...each('OFFSET_NOT_AVAILABLE', 'retry', 78),
  ...each('GROUP_FULL', 'configuration', 81),
  ...each('RECORD_INVALID', 'halt_topic', 87),
  ...each('OFFSETS_UNSTABLE', 'retry', 88),
  ...each('THROTTLED', 'retry', 89),
  ...each('TOPIC_ID_UNKNOWN', 'retry', 100),
]);

export const OK = 0;
export const UNKNOWN_TOPIC = 3;
export const LEADER_NOT_AVAILABLE = 5;
export const UNKNOWN_MEMBER = 25;
export const FETCH_SESSION_UNKNOWN = 70;
export const FETCH_SESSION_EPOCH = 71;
