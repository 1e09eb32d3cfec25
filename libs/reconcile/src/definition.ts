import type { DomainEvent, EventDefinition } from '@convergekit/contracts';
import type { Backoff } from '@convergekit/core/engine';
import type { AliasableExpression, Kysely, Transaction } from 'kysely';
import type { Guard } from './guard/guard.ts';
import type { InFlight } from './in-flight/in-flight.ts';
import type { ScheduleDefinition } from './schedule/schedule.ts';

/**
 * The allowed reaction to drift: `observe` counts it, `warn` also logs it, `repair` repairs it.
 * Start a new reconciler with `observe`.
 */
export type Mode = 'observe' | 'warn' | 'repair';

/** One side of a comparison, made by `from`: the name of a database, and a function that reads a key. */
export interface Side<DB, State> {
  /** Sets it apart from a literal: only `from` knows the tables, and reads a missing row as null. */
  readonly madeBy: 'from';
  /** The name of the database, as the service or the settings have it. */
  readonly in: string;
  /** Reads the current state from the primary; null = the key does not exist there. */
  read(key: string, db: Kysely<DB>): Promise<State | null>;
}

/** A query of one table, not executed: `tx.selectFrom('stock').where('sku', '=', key)`. */
type RowsToLock = AliasableExpression<unknown> & { readonly isSelectQueryBuilder: true };

export interface Databases<DesiredDb, ActualDb> {
  /** The database of `desired`. */
  readonly desired: Kysely<DesiredDb>;
  /** The database of `actual`. */
  readonly actual: Kysely<ActualDb>;
}

export interface RepairContext<DB, Drift> {
  /** A transaction in actual's database. The repair must write only through it. */
  readonly tx: Transaction<DB>;
  /** Changes and locks rows on the condition that they still have the compared version. */
  readonly guard: Guard<DB>;
  /** The key whose drift is repaired. */
  readonly key: string;
  /** The drift, as `compare` returned it. */
  readonly drift: Drift;
  /** Writes an event to the outbox of actual's database, in the same transaction. Declare the event in `emits`. */
  readonly emit: (event: DomainEvent) => void;
}

/** The rows that a repair wrote: a count, as the guard returns it, or the result of Kysely's `executeTakeFirst`. Zero = conflict. */
export type RepairResult =
  | number
  | { readonly numUpdatedRows: bigint }
  | { readonly numDeletedRows: bigint }
  | { readonly numInsertedOrUpdatedRows: bigint | undefined };

export interface Invariant<DB> {
  /** The name, for the audit and the reason of an aborted repair. */
  readonly name: string;
  /** Checks the state after the repair, in its transaction. false aborts the repair. */
  holds(key: string, tx: Transaction<DB>): Promise<boolean>;
}

export interface Limits {
  /** Maximum number of repairs in one window. @default 100 */
  readonly repairs?: number;
  /** Maximum share of the keys of the last run, 0 to 1. @default 0.02 */
  readonly share?: number;
  /** Minimum that `share` allows, so that a small set can be repaired at all. @default 20 */
  readonly always?: number;
  /** The length of a window, from its first repair, in milliseconds. Runs share it. @default 3_600_000 */
  readonly windowMs?: number;
  /** The maximum of repairs of a key that does not become stable; then an operator must act. @default 5 */
  readonly repairsPerKey?: number;
}

export interface Timing {
  /** The time a drift must stay unchanged before it is repaired, in milliseconds. @default 5_000 */
  readonly settleMs?: number;
  /** Debounce: a reported key waits this long after its last report, in milliseconds. @default 500 */
  readonly quietMs?: number;
  /** Maximum wait after the first report, in milliseconds. @default 5_000 */
  readonly maxWaitMs?: number;
  /** Backoff between two attempts at a failing key. @default { baseMs: 500, factor: 2, capMs: 60_000 } */
  readonly backoff?: Backoff;
  /** Maximum time of reading one side of a key; then the key is `unknown`, and is retried. In milliseconds. @default 30_000 */
  readonly readMs?: number;
}

/** The consumer by which `actual` follows `desired`; its inbox is in actual's database. */
export interface GapKeys {
  /** The name of the consumer. */
  readonly consumer: string;
  /** Maps an event's key to a key of the reconciler; null to skip it. @default the event's key */
  readonly key?: (eventKey: string, topic: string) => string | null;
}

export interface Keys<DesiredDb, ActualDb> {
  /**
   * Queues the keys of gaps in this consumer's input, read from the outbox of desired. Events that the outbox no longer
   * keeps queue every key.
   * @default gaps are left to the schedule
   */
  readonly gaps?: GapKeys;
  /**
   * Lists all keys to compare, in chunks. Include the keys of both sides: a key that only one side has is drift, too.
   * A scan whose chunks have checkpoints continues an interrupted run: it begins behind `after`. Any other one starts again.
   */
  scan(databases: Databases<DesiredDb, ActualDb>, context: ScanContext): AsyncIterable<ScanChunk>;
}

export interface ScanContext {
  /** The reconciler's name. */
  readonly reconciler: string;
  /** The last checkpoint of the interrupted run; null = begin with the first key. */
  readonly after: string | null;
  /** The scan must not leave out keys that it compared lately. @default false */
  readonly everything?: boolean;
  /** An operator only looks: the scan must write nothing. @default false */
  readonly readOnly?: boolean;
  /** The schedule made this run, and nothing waits for it: the scan should leave the servers to others. @default false */
  readonly background?: boolean;
}

/**
 * A chunk of a scan: keys; with a checkpoint, all keys up to it were listed. `compared`: the number of keys that the scan
 * compared itself, those that it lists included. `unknown`: why a part of the keys could not be read.
 */
export type ScanChunk =
  | readonly string[]
  | { readonly keys: readonly string[]; readonly checkpoint?: string; readonly compared?: number }
  | { readonly compared: number }
  | { readonly unknown: string };

export interface ReconcilerDefinition<DesiredDb, Desired, ActualDb, Actual, Drift> {
  /** A cron pattern of 5 or 6 fields, or more about the times of runs. @default runs only for reports and requests */
  readonly schedule?: string | ScheduleDefinition;
  /** The IANA time zone of a schedule that is a pattern only. @default 'UTC' */
  readonly timeZone?: string;
  /** The keys of a run, and those that gaps of a consumer queue. */
  readonly keys: Keys<NoInfer<DesiredDb>, NoInfer<ActualDb>>;
  /** The side that is right, made by `from(…).read(…)`. It is never written. */
  readonly desired: Side<DesiredDb, Desired>;
  /** The side that is repaired, made by `from(…).read(…)`. */
  readonly actual: Side<ActualDb, Actual>;
  /**
   * The version of actual, which increases with every write: a field's name, or a function. The guard compares it, and
   * it reveals a stale view after a repair. Required where a mode is `repair`, unless the reconciler is `unguarded`.
   * @default none: repairs have no version to compare
   */
  readonly version?:
    (keyof NonNullable<Actual> & string) | ((actual: NonNullable<Actual>) => bigint | number);
  /**
   * Finds the key's rows of actual that the kit locks: a query of one table, or several in the order of their locks. The kit adds
   * `FOR UPDATE`. Used by `guard.lock`, after which a repair may change these rows, and after repeated conflicts on a hot key.
   * @default conflicts are only retried
   */
  lock?(key: string, tx: Transaction<ActualDb>): RowsToLock | readonly RowsToLock[];
  /**
   * The events that carry changes of desired to actual. A drift counts only when all of its key have been handled, and none
   * is parked or belongs to an open step; until then the key is `pending`.
   * @default events are not considered: only `timing.settleMs` protects what is in flight
   */
  readonly inFlight?: InFlight;
  /**
   * Compares both states; null = they agree. Pure. The drift contains all that the repair needs.
   * Fields of `ignore` are removed from the states, and those of weaker modes where `modes` differ.
   */
  compare(desired: Desired | null, actual: Actual | null): Drift | null;
  /** Returns a reason if no program may repair this drift. Pure. @default every drift can be repaired */
  unresolvable?(drift: Drift): string | null;
  /**
   * Repairs the drift. Change rows by `guard.update` and `guard.delete`, or the locked ones after `guard.lock`; insert
   * freely. A repair that changed another row, truncated a table or kept the version of what it changed is refused
   * (REPAIR_UNGUARDED). Zero rows = a concurrent write came first.
   */
  repair(drift: Drift, context: RepairContext<ActualDb, Drift>): Promise<RepairResult>;
  /** Describes the drift for the audit row. @default the reconciler's name */
  why?(drift: Drift): string;
  /** The events that repairs emit. @default none */
  readonly emits?: readonly EventDefinition[];
  /** What must hold after each repair, checked in its transaction. @default none */
  readonly invariants?: readonly Invariant<ActualDb>[];
  /** The reaction to drift. Begin with `observe`, and look at what it finds before it may repair. @default 'observe' */
  readonly mode?: Mode;
  /** The modes of single fields, by name, where they differ from `mode`. @default none */
  readonly modes?: Readonly<Record<string, Mode>>;
  /**
   * The fields of actual that a repair may change, beside the version field; another change is refused
   * (REPAIR_NOT_OWNED). A repair that creates or deletes a row changes all its fields. @default all whose mode is `repair`
   */
  readonly owns?: readonly string[];
  /** Fields whose difference is no drift. @default none */
  readonly ignore?: readonly string[];
  /** Lets repairs change rows whose version was not compared: a concurrent write may be lost. @default false */
  readonly unguarded?: boolean;
  /** The limits beyond which a reconciler stops to repair and asks an operator. @default those of each limit */
  readonly limits?: Limits;
  /** The waits before a key is compared, repaired and tried again. @default those of each wait */
  readonly timing?: Timing;
}
