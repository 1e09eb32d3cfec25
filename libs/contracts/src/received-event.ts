import type { Position } from './position.ts';

/** The envelope of a received event: headers and record fields, with the payload not parsed yet. */
export interface Envelope {
  /** The id of the event, by which it is deduplicated. A repeat has the same one. */
  readonly id: string;
  /** The type: `order.placed`. */
  readonly type: string;
  /** The version on the wire. `data` is always of the definition's own version. */
  readonly version: number;
  /** The topic of the record. */
  readonly topic: string;
  /** The record's key. A foreign event without a key gets its own id as key: it is ordered with no other event. */
  readonly key: string;
  /** The time of the emit, as its producer gives it. */
  readonly time: Date;
  /** The source's name. */
  readonly source: string;
  /** The source's uuid; absent for foreign producers. */
  readonly sourceId?: string;
  /** The position in the outbox; absent for foreign producers. */
  readonly position?: Position;
  /** The position of the event before it in the partition; absent for the first one and for foreign producers. */
  readonly prev?: Position;
  /** The id that all events of one story share: that of the first; absent when its producer sends none. */
  readonly correlationId?: string;
  /** The id of the event whose handling emitted this one; absent where no event did. */
  readonly causationId?: string;
  /** The number of handlers between this event and the first event of its causal chain. */
  readonly hops: number;
  /** The time after which its result is of no use; absent: there is none. */
  readonly deadline?: Date;
  /** The saga of the event, as `name/version`; absent outside of sagas. */
  readonly saga?: string;
  /** The id of the replay that published it again; absent for an event's first record. */
  readonly replayOf?: string;
  /** The attempt that caused a failure event or its compensation. Absent for other events. */
  readonly attemptId?: string;
  /** The `traceparent` of that attempt. Absent without a trace. */
  readonly attemptTrace?: string;
  /** The text headers by wire name; the object has no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** The partition of the record. */
  readonly partition: number;
  /** The offset of the record in its partition. */
  readonly offset: bigint;
  /** The data as JSON text, as it was published. */
  readonly payload: string;
}

export interface ReceivedEvent<Data = unknown> extends Envelope {
  /** The data, parsed and upcast to the version of the definition. */
  readonly data: Data;
}
