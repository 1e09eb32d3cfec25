import type { EventDefinition } from '@convergekit/contracts';
import type { FailureData, FailureInput } from '@convergekit/contracts/engine';
import type { IncomingRecord } from '@convergekit/broker/engine';
import type { EngineOutbox } from '@convergekit/outbox/engine';
import type { Database } from '@convergekit/postgres';
import type { Counter, DatabaseTime } from '@convergekit/postgres/engine';
import type { Policy } from '@convergekit/resilience';
import type { Clock, Random } from '@convergekit/core';
import type { Logger } from '@convergekit/telemetry';
import type { LineLimit } from '@convergekit/telemetry/engine';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import type { Router } from '../define/routes.ts';
import type { Signatures } from '../plan/signatures.ts';
import type { HandlerRun } from '../attempt/middleware.ts';
import type { Parking } from '../park/parking.ts';
import type { HandlerPace } from './joint-decision.ts';
import type { SliceBounds } from './slice-parts.ts';
import type { SessionLimits } from './open-slice-sql.ts';

/** Everything that the slices of one consumer share. */
export interface SliceContext<DB> {
  readonly definition: ConsumerDefinition<DB>;
  readonly failureEvent: EventDefinition<string, FailureData, FailureInput>;
  readonly database: Database<DB>;
  readonly outbox: EngineOutbox;
  /** Reads the records of a partition that the log still has, from this place to the offset before `to`. */
  readonly readLog: (
    from: Pick<IncomingRecord, 'topic' | 'partition' | 'offset'>,
    to: bigint,
  ) => AsyncIterable<IncomingRecord>;
  /** The signatures to verify. Undefined: no record has to be signed. */
  readonly signatures: Signatures | undefined;
  readonly route: Router<DB>;
  /** Calls a handler through its middleware. */
  readonly call: (call: HandlerRun<DB>) => Promise<void>;
  /** The limits of a transaction that begins now: they follow the policies of the handlers. */
  readonly limits: () => SessionLimits;
  readonly serverVersion: number;
  /** Returns the retry policy of a handler, read anew for each event. An event in flight keeps its policy. */
  readonly policyOf: (handler: string) => Policy;
  readonly parking: Parking;
  readonly bounds: SliceBounds;
  readonly pace: HandlerPace;
  /** The time that all handlers of a slice may take before its events are processed singly, in milliseconds. */
  readonly sliceMaxMs: number;
  readonly clock: Clock;
  /** The time by which records are judged and ages computed. Read with each row of a partition. */
  readonly time: DatabaseTime;
  readonly random: Random;
  readonly log: Logger;
  /** What the charts of the console show of this consumer. */
  readonly counter: Counter;
  /** Bounds the lines about failing events. */
  readonly lines: LineLimit;
}
