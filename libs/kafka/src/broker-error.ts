/**
 * What to do about a broker's refusal.
 * `retry`: it heals by itself (not leader, timeouts, broker down) · `halt_topic`: a topic's configuration or permission
 * must be mended (authorization, unknown topic, record too large) · `new_producer`: only this producer's state is lost ·
 * `configuration`: the connection's own settings are wrong (wrong password, TLS) · `fatal`: anything else.
 */
export type BrokerErrorKind = 'retry' | 'halt_topic' | 'new_producer' | 'configuration' | 'fatal';

export interface BrokerErrorDetail {
  /** Our code: `BROKER_UNREACHABLE`, `TOPIC_UNKNOWN`, `NOT_AUTHORIZED`, `MESSAGE_TOO_LARGE`, `NOT_LEADER`, `TIMEOUT`, … */
  readonly code: string;
  readonly kind: BrokerErrorKind;
  readonly certainty: 'not_applied' | 'unknown';
  readonly topic?: string;
  readonly partition?: number;
  readonly cause?: unknown;
}

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
    this.category = categoryOf(detail.kind);
    this.certainty = detail.certainty;
    this.topic = detail.topic;
    this.partition = detail.partition;
  }
}

function categoryOf(kind: BrokerErrorKind): BrokerError['category'] {
  switch (kind) {
    case 'retry':
      return 'network';
    case 'new_producer':
      return 'service';
    case 'halt_topic':
    case 'configuration':
      return 'configuration';
    case 'fatal':
      return 'bug';
  }
}
