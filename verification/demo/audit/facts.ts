/**
 * What the audit looks at: plain dumps of databases and topics. The functions over them are pure and import nothing
 * of the kit, so that the kit's own mistakes cannot hide behind its own code.
 */

/** One row of a source's outbox. */
export interface OutboxRow {
  readonly source: string;
  readonly id: bigint;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly createdAtMs: number;
}

/** One record of a topic, as the console consumer printed it. */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  /** By name, as on the wire. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
}

/** One effect that a consumer noted in its own transaction. */
export interface Effect {
  readonly consumer: string;
  /** handle: of an event · apply and compensate: of a saga's step, by the event that begins it. */
  readonly act: string;
  readonly eventId: string;
  readonly type: string;
  readonly atMs: number;
}

/** What one step of one saga has come to, as its service's database has it. */
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
