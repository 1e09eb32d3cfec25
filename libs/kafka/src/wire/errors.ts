import { BrokerError, type BrokerErrorDetail } from '@convergekit/broker/engine';
import { ConnectionError, type ConnectionTrouble } from './connection.ts';
import { MEANINGS } from './error-codes.ts';

export interface ErrorContext {
  /** What was tried, as in "writing to …": begins the message. */
  readonly doing: string;
  readonly topic?: string;
  readonly partition?: number;
  /** Whether bytes of a write had left when it failed. */
  readonly written?: boolean;
  /** What the broker said about it in words. */
  readonly said?: string;
}

/** A refusal in the broker's own words. */
class AnswerError extends BrokerError {
  readonly protocolCode: number;

  constructor(message: string, detail: BrokerErrorDetail, protocolCode: number) {
    super(message, detail);
    this.protocolCode = protocolCode;
  }
}

/** From a protocol error code in a response. */
export function protocolError(protocolCode: number, context: ErrorContext): BrokerError {
  const { code, kind, unsure } = MEANINGS.get(protocolCode) ?? {
    code: `KAFKA_${protocolCode}`,
    kind: 'fatal' as const,
  };
  const said = context.said === undefined ? '' : ` (${context.said})`;
  return new AnswerError(
    `${context.doing} failed: ${SAYINGS[code] ?? `the broker answered ${code} (${protocolCode})`}${said}`,
    { code, kind, certainty: unsure === true ? 'unknown' : 'not_applied', ...placeOf(context) },
    protocolCode,
  );
}

/** From anything that a connection threw. */
export function brokerErrorFrom(error: unknown, context: ErrorContext): BrokerError {
  if (error instanceof BrokerError) return error;
  const certainty = context.written === true ? 'unknown' : 'not_applied';
  const { code, kind, why } = error instanceof ConnectionError ? TROUBLES[error.trouble] : BUG;
  return new BrokerError(
    `${context.doing} failed: ${why}${error instanceof Error ? error.message : String(error)}`,
    {
      code,
      kind,
      certainty,
      ...placeOf(context),
      cause: error,
    },
  );
}

/** The broker's own answer was this code, as opposed to what happened to the connection. */
export function isAnswer(error: unknown, protocolCode: number): boolean {
  return error instanceof AnswerError && error.protocolCode === protocolCode;
}

type Detail = Pick<BrokerErrorDetail, 'code' | 'kind'> & { readonly why: string };

const BUG: Detail = { code: 'DRIVER_FAILED', kind: 'fatal', why: '' };

const TROUBLES: Readonly<Record<ConnectionTrouble, Detail>> = {
  lost: { code: 'BROKER_UNREACHABLE', kind: 'retry', why: 'there is no connection to the broker: ' },
  timeout: { code: 'TIMEOUT', kind: 'retry', why: 'no answer in time: ' },
  credentials: {
    code: 'NOT_AUTHENTICATED',
    kind: 'configuration',
    why: 'the broker refused the credentials: ',
  },
  tls: { code: 'TLS_FAILED', kind: 'configuration', why: 'the TLS connection could not be made: ' },
  too_old: { code: 'BROKER_TOO_OLD', kind: 'configuration', why: 'the broker is too old: ' },
};

const SAYINGS: Readonly<Record<string, string>> = {
  TOPIC_UNKNOWN:
    'the topic does not exist: create it (`converge topics create`), topics are never made by accident',
  MESSAGE_TOO_LARGE:
    "the batch is larger than the topic's max.message.bytes: raise it, or send smaller batches",
  NOT_AUTHORIZED: 'the broker does not permit it: grant the access to this user',
  NOT_AUTHENTICATED: 'the broker refused the credentials: check user, password and SASL mechanism',
  RECORD_INVALID: 'the topic refuses the record: a compacted topic, for one, takes no record without a key',
};

function placeOf({ topic, partition }: ErrorContext): { topic?: string; partition?: number } {
  return { ...(topic === undefined ? {} : { topic }), ...(partition === undefined ? {} : { partition }) };
}
