import type { Position } from './position.ts';

/** An event's envelope as it came from the log: all that headers and record say, the payload not parsed yet. */
export interface Envelope {
  readonly id: string;
  readonly type: string;
  /** The version on the wire; `data` is always of the definition's own version. */
  readonly version: number;
  readonly topic: string;
  /** The record's key; an event of a foreign producer without one has its own id as key (it is ordered with no other). */
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
  /** How many handlers stand between this event and the first one of its story. */
  readonly hops: number;
  readonly deadline?: Date;
  readonly saga?: string;
  readonly replayOf?: string;
  /** Of a failure event and of what compensates it: the attempt that caused it. */
  readonly attemptId?: string;
  /** All headers that are text, under their names on the wire; no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: bigint;
  readonly payload: string;
}

export interface ReceivedEvent<Data = unknown> extends Envelope {
  readonly data: Data;
}
