import type { EventDefinition, FailureData, FailureInput } from '@convergekit/contracts';
import type { IncomingRecord } from '@convergekit/kafka';
import type { Outbox } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import type { Policy } from '@convergekit/resilience';
import type { Clock, Random } from '@convergekit/core';
import type { Logger } from '@convergekit/telemetry';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import type { Router } from '../define/routes.ts';
import type { Start } from '../define/types.ts';
import type { Seen } from '../plan/judge.ts';
import type { Signatures } from '../plan/signatures.ts';
import type { Standstill } from '../member/standstill.ts';
import type { Pause } from './fault.ts';
import type { Call } from '../attempt/middleware.ts';
import type { PartitionKey } from './fence-sql.ts';
import type { Parking } from '../park/parking.ts';
import type { SessionLimits } from './session-sql.ts';

/** What all slices of one consumer share. */
export interface SliceContext<DB> {
  readonly definition: ConsumerDefinition<DB>;
  readonly failureEvent: EventDefinition<string, FailureData, FailureInput>;
  readonly database: Database<DB>;
  readonly outbox: Outbox;
  /** The record at this place of the log; undefined: it is not there any more. */
  readonly readLog: (
    place: Pick<IncomingRecord, 'topic' | 'partition' | 'offset'>,
  ) => Promise<IncomingRecord | undefined>;
  /** undefined: no record has to be signed. */
  readonly signatures: Signatures | undefined;
  readonly route: Router<DB>;
  /** The handler inside its middleware. */
  readonly call: (call: Call<DB>) => Promise<void>;
  /** Of a transaction that begins now: they follow the policies of the handlers. */
  readonly limits: () => SessionLimits;
  readonly serverVersion: number;
  /** How events of a handler are tried, from now on: asked anew for each, so that what is in flight keeps its own. */
  readonly policyOf: (handler: string) => Policy;
  readonly parking: Parking;
  readonly bounds: { readonly sliceMs: number; readonly sliceSize: number };
  /** Milliseconds that all handlers of one slice may take before its events are tried one by one. */
  readonly sliceMaxMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Counts {
  handled: number;
  duplicates: number;
  /** Events of types that this consumer does not handle. */
  skipped: number;
  /** Events that wait, behind their key or as its first. */
  parked: number;
  /** Events that the business refused. */
  rejected: number;
  deadLetters: number;
  gaps: number;
}

export interface Halt {
  readonly code: string;
  readonly reason: string;
}

/** One partition in our hands. What it says of the database is true only while the fence says so. */
export interface Partition {
  readonly key: PartitionKey;
  readonly start: Start;
  topicId: string | null;
  nextOffset: bigint;
  watermarks: Map<string, Seen>;
  halted: Halt | undefined;
  /** Obstacles up to this offset are passed, by an operator's word or by policy. */
  passOffset: bigint | undefined;
  /** Offsets of records that an operator rejected as forged. */
  rejected: ReadonlySet<bigint>;
  /** Events that never came by the log wait in the database: they go before anything else. */
  filled: boolean;
  /** Slices of filled events so far: with `nextOffset`, what the fence expects. */
  fills: bigint;
  /** Types that a newer version of this consumer handles, as the last slice found. */
  ahead: ReadonlySet<string>;
  /** Counts the times that it was moved from outside: what was fetched before is not to be worked. */
  revision: number;
  /** Keys that are parked, as far as we know: a key may have been released since, none can be missing. */
  held: Set<string>;
  /** Why it waits by itself. */
  paused: Pause | undefined;
  /** Pauses in a row, for the backoff. */
  pauses: number;
  /** How many events the next slice may hold. */
  limit: number;
  /** The offset of an obstacle that was seen once: the next look decides. */
  suspect: bigint | undefined;
  /** Outages in a row, for the backoff. */
  outages: number;
  /** Records behind the end of the log, as of the last look. */
  lag: bigint;
  /** The next record, where one was seen: `at` is our place then. */
  next: { readonly at: bigint; readonly timestampMs: number } | undefined;
  /** Since when it stands still without a reason, as of the last look. */
  standstill: Standstill | undefined;
  readonly counts: Counts;
}

/** For log lines, which name the consumer by themselves. */
export function placeOf({ key: { topic, partition } }: Pick<Partition, 'key'>) {
  return { topic, partition };
}

export function noCounts(): Counts {
  return { handled: 0, duplicates: 0, skipped: 0, parked: 0, rejected: 0, deadLetters: 0, gaps: 0 };
}
