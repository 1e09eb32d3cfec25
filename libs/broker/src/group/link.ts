import type { Assignment, IncomingRecord, StartAt } from '../broker.ts';

/** The result of a join, valid until the next rebalance. */
export interface Membership {
  readonly memberId: string;
  readonly generation: number;
  readonly assigned: readonly Assignment[];
  /** Set while the group has a member of another client, to which the broker assigns partitions as well. */
  readonly isShared?: boolean;
}

/** An offset of a partition. */
export interface PlaceOffset extends Assignment {
  readonly offset: bigint;
}

export interface FetchWant extends Assignment {
  readonly offset: bigint;
  readonly maxBytes: number;
}

export type Fetched = FetchedRecords | FetchFailure;

export interface FetchedRecords extends Assignment {
  readonly ok: true;
  readonly records: readonly IncomingRecord[];
  /** The size of the records in bytes, decompressed. */
  readonly bytes: number;
  /** The offset of the next fetch, past holes. */
  readonly nextOffset: bigint;
  readonly highWatermark: bigint;
  /** The only record is a batch with a wrong checksum: another fetch may bring it whole. */
  readonly damaged?: boolean;
}

export interface FetchFailure extends Assignment {
  readonly ok: false;
  readonly error: Error;
}

/**
 * The requests of a group member, implemented by each driver: no retries, no timers. The consumer loop owns positions,
 * pauses, batches, heartbeats and rebalances, so that the same code keeps the obligations of every driver.
 * Failures are `BrokerError`s; the loop retries the kinds `retry` and `new_producer`, others end the consumer.
 */
export interface GroupLink {
  /** Rejects when no broker answers or a topic does not exist. */
  connect(): Promise<void>;
  /** Joins the group and returns the assignment. It may take as long as the other members need to rejoin. */
  join(): Promise<Membership>;
  /**
   * Sends a heartbeat. `rebalance`: the member must join again. `lost`: the group removed this member; it must join as
   * a new one.
   */
  heartbeat(membership: Membership): Promise<'member' | 'rebalance' | 'lost'>;
  leave(): Promise<void>;
  /** Commits offsets of partitions by one request; rejects when one of them is refused. */
  commit(membership: Membership, offsets: readonly PlaceOffset[]): Promise<void>;
  /** Resolves positions to offsets. `committed` without a commit is the earliest. */
  resolve(wanted: readonly (Assignment & { readonly at: StartAt })[]): Promise<readonly bigint[]>;
  /** Returns the end of a partition's log, and the last stable offset (before any open transaction). */
  ends(place: Assignment): Promise<{ readonly end: bigint; readonly stable: bigint }>;
  /** True while a quota keeps the answers of this partition's broker empty. @default never */
  isThrottled?(place: Assignment): boolean;
  /** The leader of a partition; undefined while it has none. */
  nodeOf(place: Assignment): number | undefined;
  /** Fetches once from one broker, which answers when there is data, or after `maxWaitMs` milliseconds. */
  fetch(node: number, wants: readonly FetchWant[], maxWaitMs: number): Promise<readonly Fetched[]>;
  /** Looks up leaders again. */
  refresh(): Promise<void>;
  /**
   * Calls `listener` after each look-up that changed or removed a leader, by any request. Requests are a join, a
   * heartbeat, a refresh. Returns the function that ends the calls. A waiting fetch loop would otherwise miss the
   * look-ups of others.
   */
  onLeaders(listener: () => void): () => void;
  /** Returns topics that were created again since the last call. A join, heartbeat or refresh detects them. */
  recreated(): readonly string[];
  close(): Promise<void>;
}

export type Log = (
  level: 'error' | 'warn' | 'info' | 'debug' | 'trace',
  message: string,
  details: Readonly<Record<string, unknown>>,
) => void;
