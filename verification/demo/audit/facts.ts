/**
 * The input of the audit: plain dumps of databases and topics. The functions over them are pure and import nothing of
 * the kit, so that the kit's own mistakes cannot hide behind its own code.
 */

/** A row of a source's outbox. */
export interface OutboxRow {
  readonly source: string;
  readonly id: bigint;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly createdAtMs: number;
}

/** A record of a topic, as the console consumer printed it. */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  /** The headers by their names on the wire. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
}

/** An effect that a consumer recorded in its own transaction. */
export interface Effect {
  readonly consumer: string;
  /** The kind: `handle` of an event, `apply` or `compensate` of a saga step. */
  readonly act: string;
  readonly eventId: string;
  readonly type: string;
  readonly atMs: number;
}

/** The state of a saga's step in its service's database. */
export interface StepFact {
  readonly consumer: string;
  readonly step: string;
  /** The id of the event that started the saga. */
  readonly instance: string;
  readonly state: string;
}

export type FindingKind =
  | 'lost'
  | 'invented'
  | 'altered'
  | 'reordered'
  | 'chain_broken'
  | 'effect_twice'
  | 'effect_missing'
  | 'effect_invented'
  | 'order_open'
  | 'order_doubled'
  | 'order_missing'
  | 'order_torn'
  | 'money_off'
  | 'stock_off'
  | 'drift_left';

/** Something that must not be, with enough to look it up. */
export interface Finding {
  readonly kind: FindingKind;
  readonly message: string;
}
