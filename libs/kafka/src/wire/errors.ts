import { BrokerError, type BrokerErrorDetail, createTopics } from '@convergekit/broker/engine';
import { messageOf } from '@convergekit/core/engine';
import { ConnectionError, type ConnectionFailure, kept } from './connection.ts';
import { MEANINGS } from './error-codes.ts';

/** A right of Kafka's ACLs, in the words of kafka-acls.sh. */
export interface Right {
  readonly operation: 'Create' | 'Delete' | 'Describe' | 'DescribeConfigs' | 'Read' | 'Write';
  readonly on: 'group' | 'topic';
  readonly name: string;
}

export interface ErrorContext {
  /** The attempted operation, as in "writing to …": begins the message. */
  readonly doing: string;
  readonly topic?: string;
  readonly partition?: number;
  /** The right that the operation needs: a refusal names it. */
  readonly right?: Right;
  /** True when bytes of a write had left before the failure. */
  readonly written?: boolean;
  /** The broker's own message. */
  readonly said?: string;
}

/** A refusal with the protocol code of the broker. */
class AnswerError extends BrokerError {
  readonly protocolCode: number;

  constructor(message: string, detail: BrokerErrorDetail, protocolCode: number) {
    super(message, detail);
    this.protocolCode = protocolCode;
  }
}

/** Makes a BrokerError of a protocol error code. */
export function protocolError(protocolCode: number, context: ErrorContext): BrokerError {
  const { code, kind, unsure } = MEANINGS.get(protocolCode) ?? {
    code: `KAFKA_${protocolCode}`,
    kind: 'fatal' as const,
  };
  const said = context.said === undefined ? '' : ` (${kept(context.said)})`;
  return new AnswerError(
    `${context.doing} failed: ${explanationOf(code, context) ?? `the broker answered ${code} (${protocolCode})`}${said}`,
    { code, kind, certainty: unsure === true ? 'unknown' : 'not_applied', ...placeOf(context) },
    protocolCode,
  );
}

/** Makes a BrokerError of anything that a connection threw. */
export function brokerErrorFrom(error: unknown, context: ErrorContext): BrokerError {
  if (error instanceof BrokerError) return error;
  const certainty = context.written === true ? 'unknown' : 'not_applied';
  const { code, kind, why } = error instanceof ConnectionError ? FAILURES[error.failure] : BUG;
  return new BrokerError(`${context.doing} failed: ${why}${messageOf(error)}`, {
    code,
    kind,
    certainty,
    ...placeOf(context),
    cause: error,
  });
}

/** True when an error is this code in an answer of the broker, not a connection failure. */
export function isAnswer(error: unknown, protocolCode: number): boolean {
  return error instanceof AnswerError && error.protocolCode === protocolCode;
}

type Detail = Pick<BrokerErrorDetail, 'code' | 'kind'> & { readonly why: string };

const BUG: Detail = { code: 'DRIVER_FAILED', kind: 'fatal', why: '' };

const FAILURES: Readonly<Record<ConnectionFailure, Detail>> = {
  lost: { code: 'BROKER_UNREACHABLE', kind: 'retry', why: 'there is no connection to the broker: ' },
  timeout: { code: 'TIMEOUT', kind: 'retry', why: 'no answer in time: ' },
  credentials: {
    code: 'NOT_AUTHENTICATED',
    kind: 'configuration',
    why: 'the broker refused the credentials: ',
  },
  tls: { code: 'TLS_FAILED', kind: 'configuration', why: 'the TLS connection could not be made: ' },
  too_old: { code: 'BROKER_TOO_OLD', kind: 'configuration', why: 'the broker is too old: ' },
  frame: { code: 'BROKER_FRAME_INVALID', kind: 'retry', why: 'the broker sent no answer of Kafka: ' },
};

const EXPLANATIONS: Readonly<Record<string, string>> = {
  MESSAGE_TOO_LARGE:
    "the batch is larger than the topic's max.message.bytes: raise it, or send smaller batches",
  NOT_AUTHENTICATED: 'the broker refused the credentials: check user, password and SASL mechanism',
  TIMESTAMP_INVALID:
    "the record's time is further from the broker's clock than the topic's message.timestamp.before.max.ms or message.timestamp.after.max.ms: correct the clocks of this host, its database and the brokers, or raise that limit",
  COORDINATOR_NOT_AVAILABLE:
    'no broker coordinates the group now. If that lasts, look at the topic __consumer_offsets: brokers cannot create it while offsets.topic.replication.factor is more than their number',
  GROUP_PROTOCOL_INCONSISTENT:
    'the group has members of another client, which assign its partitions in another way: stop them, or give this consumer a name that is no group of theirs',
  GROUP_FULL:
    "the group has as many members as the brokers' group.max.size allows: run fewer processes, or raise it",
  SESSION_TIMEOUT_INVALID:
    "the broker does not take this sessionTimeoutMs: keep it between the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms",
  RECORD_INVALID: 'the topic refuses the record: a compacted topic, for one, takes no record without a key',
};

function explanationOf(code: string, { right, topic }: ErrorContext): string | undefined {
  if (code === 'NOT_AUTHORIZED') return deniedText(right);
  if (code === 'TOPIC_UNKNOWN') return missingText(topic);
  return EXPLANATIONS[code];
}

function missingText(topic: string | undefined): string {
  const next =
    topic === undefined ? 'see `converge topics check`' : `create it with \`${createTopics([topic])}\``;
  return `the topic does not exist: ${next}. No client creates topics by accident`;
}

function deniedText(right: Right | undefined): string {
  if (right === undefined) return 'the broker denies access: grant it to this user';
  const { operation, on, name } = right;
  const also = operation === 'Describe' ? ' (Read includes it)' : '';
  return `the broker denies access: this user lacks ${operation} on ${on} ${name}${also}. Grant it: \`kafka-acls.sh --bootstrap-server … --add --allow-principal User:… --operation ${operation} --${on} ${name}\``;
}

function placeOf({ topic, partition }: ErrorContext): { topic?: string; partition?: number } {
  return { ...(topic === undefined ? {} : { topic }), ...(partition === undefined ? {} : { partition }) };
}
