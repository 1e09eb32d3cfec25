import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import type { Backoff } from '@convergekit/resilience';
import type { Kysely, Transaction } from 'kysely';

/**
 * What may be done about drift. `observe` counts it, `warn` logs it as well, `repair` mends it.
 * A new reconciler begins with `observe`.
 */
export type Mode = 'observe' | 'warn' | 'repair';

/** One side of a comparison: which database (a name that the process maps to a connection), and how to read a key there. */
export interface Side<DB, State> {
  readonly in: string;
  /** Reads fresh, from the primary. null = the key does not exist there. */
  read(key: string, db: Kysely<DB>): Promise<State | null>;
}

export interface ActualSide<DB, State> extends Side<DB, State> {
  /** The state's version, rising with every write. With it a stale view after a repair is noticed. @default not checked */
  version?(actual: State): bigint | number;
  /** Locks the key's rows; used after some lost races on a hot key. @default conflicts are only retried */
  lock?(key: string, tx: Transaction<DB>): Promise<unknown>;
}

export interface Databases<DesiredDb, ActualDb> {
  readonly desired: Kysely<DesiredDb>;
  readonly actual: Kysely<ActualDb>;
}

export interface RepairContext<DB, Drift> {
  /** In actual's database. Everything that the repair writes goes through it. */
  readonly tx: Transaction<DB>;
  readonly key: string;
  readonly drift: Drift;
  /** Puts an event into the outbox of actual's database, in the same transaction. The event is declared in `emits`. */
  readonly emit: (event: DomainEvent) => void;
}

/** What a repair wrote: a count of rows, or what Kysely's `executeTakeFirst` gives. Zero rows = conflict. */
export type RepairResult =
  | number
  | { readonly numUpdatedRows: bigint }
  | { readonly numDeletedRows: bigint }
  | { readonly numInsertedOrUpdatedRows: bigint | undefined };

export interface Invariant<DB> {
  readonly name: string;
  /** Looks at the state after the repair, in its transaction. false aborts the repair. */
  holds(key: string, tx: Transaction<DB>): Promise<boolean>;
}

export interface Limits {
  /** Repairs in one window. @default 100 */
  readonly repairs?: number;
  /** … and no larger share of the keys of the last run, 0 to 1. @default 0.02 */
  readonly share?: number;
  /** … but this many in any case, so that a small set can be repaired at all. @default 5 */
  readonly always?: number;
  /** A window ends with a new run, or after this time. Milliseconds. @default 3_600_000 */
  readonly windowMs?: number;
  /** Repairs of one key before it was seen healthy for a while; then it is flip-flopping and left to a person. @default 5 */
  readonly repairsPerKey?: number;
}

export interface Timing {
  /** A drift must be seen unchanged for this long before it is repaired. Milliseconds. @default 5_000 */
  readonly settleMs?: number;
  /** A reported key waits until no further report came for this long. Milliseconds. @default 500 */
  readonly quietMs?: number;
  /** … but no longer than this after the first report. Milliseconds. @default 5_000 */
  readonly maxWaitMs?: number;
  /** Between two attempts at a key that fails. @default { baseMs: 500, factor: 2, capMs: 60_000 } */
  readonly backoff?: Backoff;
}

/** The consumer by which `actual` hears of `desired`; its inbox is in actual's database. */
export interface GapKeys {
  readonly consumer: string;
  /** The reconciler's key of an event's key; null when none of ours. @default the event's key */
  readonly key?: (eventKey: string, topic: string) => string | null;
}

export interface Keys<DesiredDb, ActualDb> {
  /**
   * Queue what this consumer went past without seeing it: the keys of the gap, read from desired's outbox while it keeps
   * them, else every key. @default gaps are left to the schedule
   */
  readonly gaps?: GapKeys;
  /** All keys that may be wrong, in chunks. Both sides count: a key that only one of them knows is drift, too. */
  scan(databases: Databases<DesiredDb, ActualDb>): AsyncIterable<readonly string[]>;
}

export interface ReconcilerDefinition<DesiredDb, Desired, ActualDb, Actual, Drift> {
  /** Lower case, digits and dashes. Names the queue, the lease and the metrics. */
  readonly name: string;
  /** A cron pattern; 5 or 6 fields. @default only when reported or asked */
  readonly schedule?: string;
  /** IANA name. @default 'UTC' */
  readonly timeZone?: string;
  readonly keys: Keys<DesiredDb, ActualDb>;
  readonly desired: Side<DesiredDb, Desired>;
  readonly actual: ActualSide<ActualDb, Actual>;
  /** Pure. null = they agree. The drift carries what the repair needs, the version that was seen included. */
  compare(desired: Desired | null, actual: Actual | null): Drift | null;
  /** Pure. A reason when no program may mend this drift. @default every drift can be mended */
  unresolvable?(drift: Drift): string | null;
  /** Writes only where the version is still the one that was seen. Zero rows = somebody else was faster. */
  repair(drift: Drift, context: RepairContext<ActualDb, Drift>): Promise<RepairResult>;
  /** What was wrong, for the audit row. @default the reconciler's name */
  why?(drift: Drift): string;
  /** The events that repairs emit. @default none */
  readonly emits?: readonly EventDefinition[];
  readonly invariants?: readonly Invariant<ActualDb>[];
  /** @default 'observe' */
  readonly mode?: Mode;
  readonly limits?: Limits;
  readonly timing?: Timing;
}
