import type { BrokerErrorKind } from '@convergekit/broker/engine';

/** The meaning of a protocol error for the client. `unsure`: a write with this error may still be in the log. */
export interface ErrorMeaning {
  readonly code: string;
  readonly kind: BrokerErrorKind;
  readonly unsure?: true;
}

const meaning = (code: string, kind: BrokerErrorKind): ErrorMeaning => ({ code, kind });
const unsure = (code: string): ErrorMeaning => ({ code, kind: 'retry', unsure: true });

/**
 * Meanings by protocol error code (https://kafka.apache.org/protocol#protocol_error_codes). A leader that loses the
 * leadership while a write waits for its replicas answers "not leader" after the append: such answers are unsure.
 */
export const MEANINGS: ReadonlyMap<number, ErrorMeaning> = new Map([
  [-1, unsure('UNKNOWN_SERVER_ERROR')],
  [1, meaning('OFFSET_OUT_OF_RANGE', 'fatal')],
  [2, meaning('CORRUPT_MESSAGE', 'retry')],
  [3, meaning('TOPIC_UNKNOWN', 'halt_topic')],
  [5, meaning('LEADER_NOT_AVAILABLE', 'retry')],
  [6, unsure('NOT_LEADER')],
  [7, unsure('TIMEOUT')],
  [8, meaning('BROKER_NOT_AVAILABLE', 'retry')],
  [9, meaning('REPLICA_NOT_AVAILABLE', 'retry')],
  [10, meaning('MESSAGE_TOO_LARGE', 'halt_topic')],
  [13, unsure('NETWORK_EXCEPTION')],
  [14, meaning('COORDINATOR_LOADING', 'retry')],
  [15, meaning('COORDINATOR_NOT_AVAILABLE', 'retry')],
  [16, meaning('NOT_COORDINATOR', 'retry')],
  [17, meaning('TOPIC_INVALID', 'halt_topic')],
  [18, meaning('MESSAGE_TOO_LARGE', 'halt_topic')],
  [19, meaning('NOT_ENOUGH_REPLICAS', 'retry')],
  [20, unsure('NOT_ENOUGH_REPLICAS')],
  [22, meaning('NOT_A_MEMBER', 'retry')],
  [23, meaning('GROUP_PROTOCOL_INCONSISTENT', 'configuration')],
  [24, meaning('GROUP_ID_INVALID', 'configuration')],
  [25, meaning('NOT_A_MEMBER', 'retry')],
  [26, meaning('SESSION_TIMEOUT_INVALID', 'configuration')],
  [27, meaning('REBALANCING', 'retry')],
  [29, meaning('NOT_AUTHORIZED', 'halt_topic')],
  [30, meaning('NOT_AUTHORIZED', 'configuration')],
  [31, meaning('NOT_AUTHORIZED', 'configuration')],
  [32, meaning('TIMESTAMP_INVALID', 'halt_topic')],
  [33, meaning('NOT_AUTHENTICATED', 'configuration')],
  [34, meaning('NOT_AUTHENTICATED', 'configuration')],
  [35, meaning('BROKER_TOO_OLD', 'configuration')],
  [36, meaning('TOPIC_EXISTS', 'configuration')],
  [37, meaning('TOPIC_INVALID', 'configuration')],
  [38, meaning('TOPIC_INVALID', 'configuration')],
  [39, meaning('TOPIC_INVALID', 'configuration')],
  [40, meaning('TOPIC_INVALID', 'configuration')],
  [41, meaning('NOT_CONTROLLER', 'retry')],
  [43, meaning('FORMAT_UNSUPPORTED', 'halt_topic')],
  [44, meaning('POLICY_VIOLATION', 'halt_topic')],
  [45, meaning('PRODUCER_STATE_LOST', 'new_producer')],
  [46, meaning('PRODUCER_STATE_LOST', 'new_producer')],
  [47, meaning('PRODUCER_STATE_LOST', 'new_producer')],
  [49, meaning('PRODUCER_STATE_LOST', 'new_producer')],
  [53, meaning('NOT_AUTHORIZED', 'configuration')],
  [56, unsure('STORAGE_ERROR')],
  [58, meaning('NOT_AUTHENTICATED', 'configuration')],
  [59, meaning('PRODUCER_STATE_LOST', 'new_producer')],
  [70, meaning('FETCH_SESSION_LOST', 'retry')],
  [71, meaning('FETCH_SESSION_LOST', 'retry')],
  [72, meaning('LISTENER_NOT_FOUND', 'retry')],
  [73, meaning('TOPIC_DELETION_DISABLED', 'configuration')],
  [74, unsure('NOT_LEADER')],
  [75, meaning('NOT_LEADER', 'retry')],
  [76, meaning('FORMAT_UNSUPPORTED', 'halt_topic')],
  [78, meaning('OFFSET_NOT_AVAILABLE', 'retry')],
  [79, meaning('NOT_A_MEMBER', 'retry')],
  [81, meaning('GROUP_FULL', 'configuration')],
  [87, meaning('RECORD_INVALID', 'halt_topic')],
  [88, meaning('OFFSETS_UNSTABLE', 'retry')],
  [89, meaning('THROTTLED', 'retry')],
  [90, meaning('PRODUCER_STATE_LOST', 'new_producer')],
  [100, meaning('TOPIC_ID_UNKNOWN', 'retry')],
]);

export const OK = 0;
export const UNKNOWN_TOPIC = 3;
export const LEADER_NOT_AVAILABLE = 5;
export const UNKNOWN_MEMBER = 25;
export const FETCH_SESSION_UNKNOWN = 70;
export const FETCH_SESSION_EPOCH = 71;
