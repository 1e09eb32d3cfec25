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
  readonly eventId: string;
  readonly type: string;
  readonly atMs: number;
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
