import type { Assignment, IncomingRecord, StartAt } from '../broker.ts';

/** One membership: what a join gave, until the next rebalance. */
export interface Membership {
  readonly memberId: string;
  readonly generation: number;
  readonly assigned: readonly Assignment[];
}

export interface FetchWant extends Assignment {
  readonly offset: bigint;
  readonly maxBytes: number;
}

export type Fetched = FetchedRecords | FetchFailure;

export interface FetchedRecords extends Assignment {
  readonly ok: true;
  readonly records: readonly IncomingRecord[];
  /** Where to go on: past holes too. */
  readonly nextOffset: bigint;
  readonly highWatermark: bigint;
  /** The one record is a batch with a wrong checksum: fetched again, it may be whole. */
  readonly damaged?: boolean;
}

export interface FetchFailure extends Assignment {
  readonly ok: false;
  readonly error: Error;
}

/**
 * What a driver gives to the consumer loop: single requests, no retries, no timers. The loop owns positions, pauses,
 * batches, heartbeats and rebalances, so that every driver keeps the same obligations by the same code.
 * Failures are `BrokerError`s; the loop repeats those of kind `retry` and `new_producer`, others end the consumer.
 */
export interface GroupLink {
  /** Rejects when no broker answers or a topic does not exist. */
  connect(): Promise<void>;
  /** A whole join: returns what is ours now. It may take as long as the other members need to rejoin. */
  join(): Promise<Membership>;
  /** `rebalance`: join again. `lost`: the group has forgotten us; join again as a new member. */
  heartbeat(membership: Membership): Promise<'member' | 'rebalance' | 'lost'>;
  leave(): Promise<void>;
  commit(membership: Membership, place: Assignment, offset: bigint): Promise<void>;
  /** Turns names of places in the log into offsets. `committed` without a commit is the earliest. */
  resolve(wanted: readonly (Assignment & { readonly at: StartAt })[]): Promise<readonly bigint[]>;
  /** Where a partition's log ends now, and up to where nothing belongs to an open transaction. */
  ends(place: Assignment): Promise<{ readonly end: bigint; readonly stable: bigint }>;
  /** The broker that serves a partition now; undefined while it has no leader. */
  nodeOf(place: Assignment): number | undefined;
  /** One fetch from one broker, which answers at once when there is data and else after `maxWaitMs`. */
  fetch(node: number, wants: readonly FetchWant[], maxWaitMs: number): Promise<readonly Fetched[]>;
  /** Looks up leaders again. */
  refresh(): Promise<void>;
  /**
   * Calls `listener` after each look-up that changed or removed a leader, whichever request needed it: a join, a
   * heartbeat, a refresh. Returns how to end that. Without it a loop that waits would never learn of another's look-up.
   */
  onLeaders(listener: () => void): () => void;
  /** Topics that were made again, each told once; a join, a heartbeat or a refresh may have noticed. */
  recreated(): readonly string[];
  close(): Promise<void>;
}

export type Log = (
  level: 'error' | 'warn' | 'info' | 'debug',
  message: string,
  details: Readonly<Record<string, unknown>>,
) => void;
