import type { Position } from './position.ts';

/** The envelope of a received event: headers and record fields, with the payload not parsed yet. */
export interface Envelope {
  readonly id: string;
  readonly type: string;
  /** The version on the wire. `data` is always of the definition's own version. */
  readonly version: number;
  readonly topic: string;
  /** The record's key. A foreign event without a key gets its own id as key: it is ordered with no other event. */
  readonly key: string;
  readonly time: Date;
  /** The source's name. */
  readonly source: string;
  /** The source's uuid; absent for foreign producers. */
  readonly sourceId?: string;
  readonly position?: Position;
  readonly prev?: Position;
  readonly correlationId?: string;
  readonly causationId?: string;
  /** The number of handlers between this event and the first event of its causal chain. */
  readonly hops: number;
  readonly deadline?: Date;
  readonly saga?: string;
  readonly replayOf?: string;
  /** The attempt that caused a failure event or its compensation. */
  readonly attemptId?: string;
  /** The `traceparent` of that attempt. */
  readonly attemptTrace?: string;
  /** The text headers by wire name; the object has no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: bigint;
  readonly payload: string;
}

export interface ReceivedEvent<Data = unknown> extends Envelope {
  readonly data: Data;
}
