import { BrokerError, type BrokerErrorDetail } from '../broker.ts';
import { MEANINGS } from './error-codes.ts';

export interface ErrorContext {
  /** What was tried, as in "writing to …": begins the message. */
  readonly doing: string;
  readonly topic?: string;
  readonly partition?: number;
  /** Whether bytes of a write had left when it failed. */
  readonly written?: boolean;
}

/** From a protocol error code in a response. */
export function protocolError(protocolCode: number, context: ErrorContext, cause?: unknown): BrokerError {
  const { code, kind, unsure } = MEANINGS.get(protocolCode) ?? {
    code: `KAFKA_${protocolCode}`,
    kind: 'fatal' as const,
  };
  return new BrokerError(
    `${context.doing} failed: ${SAYINGS[code] ?? `the broker answered ${code} (${protocolCode})`}`,
    {
      code,
      kind,
      certainty: unsure === true ? 'unknown' : 'not_applied',
      ...placeOf(context),
      cause,
    },
  );
}

/** From anything that kafkajs, the socket or TLS threw. */
export function brokerErrorFrom(error: unknown, context: ErrorContext): BrokerError {
  if (error instanceof BrokerError) return error;
  const { name, type, code, message, errors } = fieldsOf(error);
  // Several topics were asked for at once, and kafkajs collects their errors: ours is always alone.
  if (errors?.[0] !== undefined) return brokerErrorFrom(errors[0], context);
  if (typeof code === 'number' && type !== undefined) return protocolError(code, context, error);
  const make = (detail: Pick<BrokerErrorDetail, 'code' | 'kind'>, why: string): BrokerError =>
    new BrokerError(`${context.doing} failed: ${why}`, {
      ...detail,
      certainty: context.written === true ? 'unknown' : 'not_applied',
      ...placeOf(context),
      cause: error,
    });
  if (name === 'KafkaJSSASLAuthenticationError')
    return make(
      { code: 'NOT_AUTHENTICATED', kind: 'configuration' },
      `the broker refused the credentials: ${message}`,
    );
  if (isTls(code, message))
    return make(
      { code: 'TLS_FAILED', kind: 'configuration' },
      `the TLS connection could not be made: ${message}`,
    );
  if (name === 'KafkaJSRequestTimeoutError' || name === 'KafkaJSLockTimeout' || name === 'KafkaJSTimeout')
    return make({ code: 'TIMEOUT', kind: 'retry' }, `no answer in time (${message})`);
  if (name === 'KafkaJSConnectionError' || name === 'KafkaJSConnectionClosedError')
    return make(
      { code: 'BROKER_UNREACHABLE', kind: 'retry' },
      `the connection to the broker was lost (${message})`,
    );
  if (name === 'KafkaJSServerDoesNotSupportApiKey')
    return make({ code: 'BROKER_TOO_OLD', kind: 'configuration' }, `the broker is too old: ${message}`);
  return make({ code: 'DRIVER_FAILED', kind: 'fatal' }, message);
}

/** Whether the broker said so itself, as opposed to the connection. */
export function isProtocolError(error: unknown, wanted?: number): boolean {
  const { type, code } = fieldsOf(error);
  return typeof code === 'number' && type !== undefined && (wanted === undefined || code === wanted);
}

const SAYINGS: Readonly<Record<string, string>> = {
  TOPIC_UNKNOWN:
    'the topic does not exist: create it (`converge topics create`), topics are never made by accident',
  MESSAGE_TOO_LARGE:
    "the batch is larger than the topic's max.message.bytes: raise it, or send smaller batches",
  NOT_AUTHORIZED: 'the broker does not permit it: grant the access to this user',
  NOT_AUTHENTICATED: 'the broker refused the credentials: check user, password and SASL mechanism',
  RECORD_INVALID: 'the topic refuses the record: a compacted topic, for one, takes no record without a key',
};

function isTls(code: unknown, message: string): boolean {
  return (
    (typeof code === 'string' &&
      /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/.test(code)) ||
    /certificate|wrong version number|ssl routines/i.test(message)
  );
}

interface ErrorFields {
  readonly name: string;
  readonly type: string | undefined;
  readonly code: unknown;
  readonly message: string;
  readonly errors: readonly unknown[] | undefined;
}

function fieldsOf(error: unknown): ErrorFields {
  if (!(error instanceof Error))
    return { name: '', type: undefined, code: undefined, message: String(error), errors: undefined };
  const { type, code, errors } = error as { type?: unknown; code?: unknown; errors?: unknown };
  return {
    name: error.name,
    type: typeof type === 'string' ? type : undefined,
    code,
    message: error.message,
    errors: Array.isArray(errors) ? errors : undefined,
  };
}

function placeOf({ topic, partition }: ErrorContext): { topic?: string; partition?: number } {
  return { ...(topic === undefined ? {} : { topic }), ...(partition === undefined ? {} : { partition }) };
}
