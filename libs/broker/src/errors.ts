/**
 * The reaction that a refusal of the broker asks of the caller. `retry`: transient (not leader, timeouts, broker down)
 * · `halt_topic`: the configuration or the permissions of a topic are wrong (authorization, unknown topic, record too
 * large) · `new_producer`: only the state of this producer is lost · `configuration`: the settings of the connection
 * are wrong (password, TLS) · `fatal`: anything else.
 */
export type BrokerErrorKind = 'retry' | 'halt_topic' | 'new_producer' | 'configuration' | 'fatal';

export interface BrokerErrorDetail {
  /** Stable across drivers: `BROKER_UNREACHABLE`, `TOPIC_UNKNOWN`, `NOT_AUTHORIZED`, `MESSAGE_TOO_LARGE`, `NOT_LEADER`, `TIMEOUT`, … */
  readonly code: string;
  /** The reaction that fits the error, whatever the driver. */
  readonly kind: BrokerErrorKind;
  /** Whether the request may have had an effect all the same. @default not_applied */
  readonly certainty?: 'not_applied' | 'unknown';
  readonly topic?: string;
  readonly partition?: number;
  readonly cause?: unknown;
}

/** The only error of the port: every failed request of any driver rejects with it. */
export class BrokerError extends Error {
  readonly code: string;
  readonly kind: BrokerErrorKind;
  readonly category: 'network' | 'service' | 'configuration' | 'bug';
  readonly certainty: 'not_applied' | 'unknown';
  readonly topic: string | undefined;
  readonly partition: number | undefined;

  constructor(message: string, detail: BrokerErrorDetail) {
    super(message, { cause: detail.cause });
    this.name = 'BrokerError';
    this.code = detail.code;
    this.kind = detail.kind;
    this.category = CATEGORIES[detail.kind];
    this.certainty = detail.certainty ?? 'not_applied';
    this.topic = detail.topic;
    this.partition = detail.partition;
  }
}

const CATEGORIES = {
  retry: 'network',
  new_producer: 'service',
  halt_topic: 'configuration',
  configuration: 'configuration',
  fatal: 'bug',
} as const satisfies Record<BrokerErrorKind, BrokerError['category']>;

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** The values of all partitions. Throws the first error. */
export function requireAll<T>(found: readonly (T | BrokerError)[]): readonly T[] {
  return found.map((one) => {
    if (one instanceof BrokerError) throw one;
    return one;
  });
}

/** The number of partitions in commands that are printed: enough for six members of a group. */
const suggestedPartitions = 6;

/** Builds the command that creates topics, to be typed as it is. */
export function createTopics(names: readonly string[], partitions: number = suggestedPartitions): string {
  return `converge topics create ${names.join(' ')} --partitions ${partitions}`;
}

export function topicUnknown(topic: string): BrokerError {
  return new BrokerError(
    `topic ${topic} does not exist: create it with \`${createTopics([topic])}\`. No client creates topics by accident`,
    { code: 'TOPIC_UNKNOWN', kind: 'halt_topic', topic },
  );
}

export function topicRecreated(topic: string): BrokerError {
  return new BrokerError(
    `topic ${topic} was deleted and created again: known offsets belong to the old log. Decide where its consumers begin, then start them again`,
    { code: 'TOPIC_RECREATED', kind: 'fatal', topic },
  );
}

export function leaderMissing({ topic, partition }: Place): BrokerError {
  const text = `${topic}/${partition} does not exist or has no leader at the moment`;
  return new BrokerError(text, { code: 'LEADER_NOT_AVAILABLE', kind: 'retry', topic, partition });
}

/** Fails a batch behind a failed one of its partition: written now, it would overtake. */
export function earlierFailed({ topic, partition }: Place): BrokerError {
  const text = `not sent: an earlier batch of ${topic}/${partition} in the same send failed, and this one must not overtake it`;
  return new BrokerError(text, { code: 'EARLIER_BATCH_FAILED', kind: 'retry', topic, partition });
}

export function producerClosed({ topic, partition }: Place): BrokerError {
  const text = `not sent to ${topic}/${partition}: the producer is closed; open a new one`;
  return new BrokerError(text, { code: 'PRODUCER_CLOSED', kind: 'new_producer', topic, partition });
}

export function batchEmpty({ topic, partition }: Place): BrokerError {
  const text = `a batch for ${topic}/${partition} has no records: leave it out`;
  return new BrokerError(text, { code: 'BATCH_EMPTY', kind: 'fatal', topic, partition });
}

export function batchTooLarge({ topic, partition }: Place, bytes: number, limit: number): BrokerError {
  const text = `a batch of ${bytes} bytes for ${topic}/${partition} is above the topic's max.message.bytes of ${limit}`;
  return new BrokerError(text, { code: 'MESSAGE_TOO_LARGE', kind: 'halt_topic', topic, partition });
}

/** The error of a batch whose topic or partition is not there. */
export function placeMissing({ topic, partition }: Place): BrokerError {
  const text = `${topic}/${partition} does not exist: the topic was deleted, or has fewer partitions. See \`converge topics check\``;
  return new BrokerError(text, { code: 'TOPIC_UNKNOWN', kind: 'halt_topic', topic, partition });
}

/** Repeats an error of several partitions for one of them. */
export function errorAt(error: BrokerError, { topic, partition }: Place): BrokerError {
  if (error.topic === topic && error.partition === partition) return error;
  const { message, code, kind, certainty } = error;
  const text = `writing to ${topic}/${partition} failed: ${message}`;
  return new BrokerError(text, { code, kind, certainty, topic, partition, cause: error });
}

/** The error of a partition that does not exist at the moment. */
export function partitionMissing({ topic, partition }: Place): BrokerError {
  const text = `${topic}/${partition} does not exist at the moment`;
  return new BrokerError(text, { code: 'TOPIC_UNKNOWN', kind: 'retry', topic, partition });
}

/** The error of an offset that the log does not hold. */
export function offsetOutOfRange(
  { topic, partition, offset }: Place & { readonly offset: bigint },
  earliest: bigint,
  end: bigint,
): BrokerError {
  const text = `${topic}/${partition} has no offset ${offset}: its log holds ${earliest} to ${end}`;
  return new BrokerError(text, { code: 'OFFSET_OUT_OF_RANGE', kind: 'fatal', topic, partition });
}
