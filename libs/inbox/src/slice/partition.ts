import type { PausedAlarm } from '../alarms.ts';
import type { PartitionRow } from '../member/partition-sql.ts';
import type { Standstill } from '../member/standstill.ts';
import type { KnownTypes } from '../member/type-sql.ts';
import { type MovedMark, type Seen, watermarkOf } from '../plan/judge.ts';
import type { Halt, PartitionKey, Saved, Stand } from './fence-sql.ts';
import type { Start } from '../define/types.ts';
import type { Deferral } from './deferral.ts';
import { firstLimit, nextLimit, type SliceBounds } from './slice-parts.ts';

/** The reason why a partition waits, and resumes by itself. */
export interface Pause {
  readonly code: PausedAlarm;
  readonly reason: string;
  /** Milliseconds; undefined: unknown, so the partition probes with growing pauses. */
  readonly forMs: number | undefined;
}

/** A pause, and when the partition began to wait: in milliseconds of the monotonic clock. */
export interface TimedPause extends Pause {
  readonly since: number;
}

/**
 * The state of a partition: that of the database as long as the fence confirms it, and beyond it by the deferred events.
 */
export interface Standing extends Stand {
  readonly topicId: string | null;
  readonly watermarks: ReadonlyMap<string, Seen>;
  /** The parked keys: one of them may have been released since, none can be missing. */
  readonly held: ReadonlySet<string>;
  /** Obstacles up to this offset are passed, by an operator's decision or by policy. */
  readonly passOffset: bigint | undefined;
  /** Offsets of records that an operator rejected as forged. */
  readonly rejected: ReadonlySet<bigint>;
  /** Events of `consumers fill` wait in the database: they come before anything else. */
  readonly filled: boolean;
  /** The registered types, as last read. */
  readonly known: KnownTypes;
}

/** The reason why a partition waits, if it does. `interrupted`: the pause that a halt replaced. */
export type Waiting =
  | { readonly kind: 'running' }
  | { readonly kind: 'paused'; readonly pause: TimedPause }
  | { readonly kind: 'halted'; readonly halt: Halt; readonly interrupted: TimedPause | undefined };

/** The result of the last look at the log. */
export interface Watch {
  /** Records behind the end of the log. */
  readonly lag: bigint;
  /** The next record, where one was seen; `at` is the partition's offset then. */
  readonly next: { readonly at: bigint; readonly timestampMs: number } | undefined;
  /** The time for which the partition has stood still without a reason. */
  readonly standstill: Standstill | undefined;
}

export interface Counts {
  readonly handled: number;
  readonly duplicates: number;
  /** Events of types that this consumer does not handle. */
  readonly skipped: number;
  /** The number of waiting events, including the first of each key. */
  readonly parked: number;
  /** Events that the business refused. */
  readonly rejected: number;
  readonly deadLetters: number;
  readonly gaps: number;
}

export const noCounts: Counts = Object.freeze({
  handled: 0,
  duplicates: 0,
  skipped: 0,
  parked: 0,
  rejected: 0,
  deadLetters: 0,
  gaps: 0,
});

export interface Loaded {
  readonly row: Omit<PartitionRow, 'topic' | 'partition' | 'haltedOffset'>;
  readonly watermarks: ReadonlyMap<string, Seen> | undefined;
  readonly held: ReadonlySet<string> | undefined;
  readonly known: KnownTypes | undefined;
}

export interface Committed {
  readonly next: Stand;
  /** The highest mark of each source and epoch. */
  readonly marks: readonly MovedMark[];
  /** Keys that are parked since this slice. */
  readonly opened: readonly string[];
  readonly tookMs: number;
}

const NO_TYPES: KnownTypes = { version: '', types: new Set() };

/** A partition that this member owns. Its transitions are methods here: no other code assigns its state. */
export class Partition {
  readonly key: PartitionKey;
  readonly start: Start;
  readonly #bounds: SliceBounds;
  #standing: Standing;
  #saved: Saved;
  #held: Set<string>;
  #waiting: Waiting = { kind: 'running' };
  #watch: Watch = { lag: 0n, next: undefined, standstill: undefined };
  #counts: Counts = noCounts;
  #limit: number;
  #deferral: Deferral | undefined;
  #awaited: string | undefined;
  #suspect: bigint | undefined;
  #pauses = 0;
  #outages = 0;
  #revision = 0;

  constructor(key: PartitionKey, start: Start, bounds: SliceBounds, loaded: Loaded) {
    this.key = key;
    this.start = start;
    this.#bounds = bounds;
    this.#limit = firstLimit(bounds);
    this.#held = new Set();
    this.#standing = this.#load(loaded);
    this.#saved = savedIn(loaded.row);
  }

  get standing(): Standing {
    return this.#standing;
  }

  get waiting(): Waiting {
    return this.#waiting;
  }

  get watch(): Watch {
    return this.#watch;
  }

  get counts(): Counts {
    const { duplicates = 0, skipped = 0 } = this.#deferral ?? {};
    const counts = this.#counts;
    return { ...counts, duplicates: counts.duplicates + duplicates, skipped: counts.skipped + skipped };
  }

  get nextOffset(): bigint {
    return this.#standing.nextOffset;
  }

  get halt(): Halt | undefined {
    return this.#waiting.kind === 'halted' ? this.#waiting.halt : undefined;
  }

  get pause(): TimedPause | undefined {
    return this.#waiting.kind === 'paused' ? this.#waiting.pause : undefined;
  }

  /** The pause that holds, or the one that a halt interrupted. */
  get anyPause(): TimedPause | undefined {
    return this.#waiting.kind === 'halted' ? this.#waiting.interrupted : this.pause;
  }

  /** The maximum of events in the next slice. */
  get limit(): number {
    return this.#limit;
  }

  /** The position in the database. */
  get saved(): Saved {
    return this.#saved;
  }

  /** What was skipped beyond the position in the database. */
  get deferral(): Deferral | undefined {
    return this.#deferral;
  }

  /** The type that another version handles, at whose event the partition halted. */
  get awaited(): string | undefined {
    return this.#awaited;
  }

  /** Counts the moves back: records that were fetched before the last one are stale. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes the state from the database: after a lost fence, an outage or an operator's command. */
  reload(loaded: Loaded): void {
    this.#standing = this.#load(loaded);
    this.#saved = savedIn(loaded.row);
    this.#deferral = undefined;
    this.#suspect = undefined;
  }

  #load({ row, watermarks, held, known = NO_TYPES }: Loaded): Standing {
    const { topicId, nextOffset, fills, passOffset, rejected, filled, halted } = row;
    this.#held = new Set(held);
    if (halted !== undefined) this.haltWith(halted);
    else if (this.#waiting.kind === 'halted') this.#waiting = pausedOr(this.#waiting.interrupted);
    const seen = { watermarks: watermarks ?? new Map<string, Seen>(), held: this.#held };
    return { topicId, nextOffset, fills, passOffset, rejected, filled, known, ...seen };
  }

  /** Moves past events that are skipped, without the database. */
  defer(deferral: Deferral, next: Stand): void {
    this.#deferral = deferral;
    this.#moveTo(next, deferral.marks);
    this.#limit = nextLimit(this.#limit, 0, this.#bounds);
  }

  /** Applies what a commit made true in the database. Returns the pause that it ended. */
  committed({ next, marks, opened, tookMs }: Committed): TimedPause | undefined {
    for (const line of opened) this.#held.add(line);
    this.#moveTo(next, marks);
    this.#saved = { ...next, server: this.#saved.server };
    this.#deferral = undefined;
    this.#limit = nextLimit(this.#limit, tookMs, this.#bounds);
    this.#outages = 0;
    this.#pauses = 0;
    this.#suspect = undefined;
    return this.endPause();
  }

  #moveTo({ nextOffset, fills }: Stand, marks: readonly MovedMark[]): void {
    const watermarks = new Map(this.#standing.watermarks);
    for (const mark of marks) {
      const seen = new Map(watermarks.get(mark.source)).set(mark.position.epoch, watermarkOf(mark));
      watermarks.set(mark.source, seen);
    }
    this.#standing = { ...this.#standing, nextOffset, fills, watermarks };
  }

  /** Remembers the registered types, as read under the fence. */
  typesRead(known: KnownTypes): void {
    this.#standing = { ...this.#standing, known };
  }

  /** Corrects the parked keys that a slice found changed. */
  heldChanged({ released, parked }: Record<'released' | 'parked', readonly string[]>): void {
    for (const line of released) this.#held.delete(line);
    for (const line of parked) this.#held.add(line);
  }

  /** Lets obstacles up to this offset pass. */
  passTo(offset: bigint): void {
    this.#standing = { ...this.#standing, passOffset: offset };
  }

  /** `more`: events of `consumers fill` are left that follow on what was handled. */
  fillRead(more: boolean): void {
    this.#standing = { ...this.#standing, filled: more };
  }

  /** Limits the next slices to one event, so that only the event that fails is retried. */
  isolate(): void {
    this.#limit = 1;
  }

  /** Returns false for an obstacle seen for the first time: a second look must confirm it. */
  confirms(offset: bigint): boolean {
    return this.#suspect === offset;
  }

  suspect(offset: bigint): void {
    this.#suspect = offset;
  }

  waitFor(type: string): void {
    this.#awaited = type;
  }

  fetchAgain(): void {
    this.#revision += 1;
  }

  haltWith(halt: Halt): void {
    this.#waiting = { kind: 'halted', halt, interrupted: this.anyPause };
  }

  /** Returns how many pauses there were in a row, this one included. */
  pauseWith(pause: Pause, now: number): number {
    this.stallWith(pause, now);
    return (this.#pauses += 1);
  }

  /** A pause of the fetches, not of slices: it has no backoff. `now`: of the monotonic clock, in milliseconds. */
  stallWith(pause: Pause, now: number): void {
    const timed = { ...pause, since: this.anyPause?.since ?? now };
    if (this.#waiting.kind === 'halted') this.#waiting = { ...this.#waiting, interrupted: timed };
    else this.#waiting = { kind: 'paused', pause: timed };
  }

  /** Returns the pause that ended; undefined: there was none, or a halt had interrupted it, and goes on. */
  endPause(): TimedPause | undefined {
    const { pause } = this;
    if (this.#waiting.kind === 'halted') this.#waiting = { ...this.#waiting, interrupted: undefined };
    else this.#waiting = { kind: 'running' };
    return pause;
  }

  /** Returns how many outages of the database there were in a row, this one included. */
  outage(): number {
    return (this.#outages += 1);
  }

  looked(found: Partial<Watch>): void {
    this.#watch = { ...this.#watch, ...found };
  }

  count(added: Partial<Counts>): void {
    const counts = { ...this.#counts };
    for (const [name, more] of Object.entries(added) as [keyof Counts, number][]) counts[name] += more;
    this.#counts = counts;
  }
}

function savedIn({ nextOffset, fills, server }: Loaded['row']): Saved {
  return { nextOffset, fills, server };
}

function pausedOr(interrupted: TimedPause | undefined): Waiting {
  return interrupted === undefined ? { kind: 'running' } : { kind: 'paused', pause: interrupted };
}

/** Returns the partition for log lines, which already name the consumer. */
export function placeOf({ key: { topic, partition } }: Pick<Partition, 'key'>) {
  return { topic, partition };
}
