import {
  comparePositions,
  formatPosition,
  type Position,
  START,
  type WirePosition,
} from '@convergekit/contracts/engine';
import type { LogEnds } from '@convergekit/broker/engine';
import type { Tail } from './tail.ts';

export type RefusalCode = 'sequence_behind' | 'database_went_back' | 'database_moved' | 'log_behind_cursor';

/** A finding that keeps a relay from leading. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: bigint;
  readonly position?: string;
  readonly detail: string;
}

/** The ticks that the database has. */
export interface KnownTicks {
  readonly epoch: number;
  /** Nonces of the ticks that were asked for, as far as they are there. */
  readonly nonces: ReadonlyMap<bigint, string>;
  readonly latest: bigint;
}

export interface PartitionFacts {
  readonly topic: string;
  readonly ends: LogEnds;
  readonly tail: Tail;
  /** The last position that was acknowledged, as the database has it. */
  readonly cursor: Position;
  /** The log's end when a leader last looked. */
  readonly lastEnd: bigint | undefined;
  /** True when the topic's partition count differs from the record: the topic is halted for that reason first. */
  readonly recounted: boolean;
  /** An operator accepted a log that lacks what was acknowledged. */
  readonly recreated: boolean;
}

export type PartitionVerdict =
  | { readonly kind: 'fits' }
  /** No record of this source is within the limits: only the ends were compared. */
  | { readonly kind: 'ends_only' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Compares one partition's log with the database. Pure. */
export function judgePartition(facts: PartitionFacts, known: KnownTicks): PartitionVerdict {
  const { ends, cursor, lastEnd } = facts;
  const { newest, highest, seenAll, holes } = facts.tail;
  for (const record of [newest, highest]) {
    // Records of an older epoch were handled when that epoch was left.
    if (record === undefined || record.position.epoch < known.epoch) continue;
    const doubt = doubtOf(record.position, known);
    if (doubt !== undefined)
      return refused(facts, 'database_went_back', doubt, record.offset, record.position);
  }
  if (facts.recounted) return { kind: 'ends_only' };
  const behind = (detail: string, offset = ends.latest, position?: WirePosition): PartitionVerdict =>
    refused(facts, 'log_behind_cursor', detail, offset, position);
  if (lastEnd !== undefined && ends.latest < lastEnd)
    return behind(`the log ended at offset ${lastEnd} when a relay last looked, and now at ${ends.latest}`);
  const isCovered = highest !== undefined && comparePositions(highest.position, cursor) >= 0;
  // The source's last record may be in the part of the log that cannot be read.
  if (holes.length > 0 && !isCovered) return { kind: 'ends_only' };
  if (isCovered) return { kind: 'fits' };
  if (highest === undefined && comparePositions(cursor, START) === 0) return { kind: 'fits' };
  // A partial copy of the old log, such as a mirror that lacks its end. Consumers halt at the gap.
  if (facts.recreated) return { kind: 'ends_only' };
  const acknowledged = `${formatPosition(cursor)} was acknowledged`;
  if (highest !== undefined) {
    const last = `the log's last position of this source is ${formatPosition(highest.position)}`;
    return behind(`${last}, and ${acknowledged}: the log lost its end`, highest.offset, highest.position);
  }
  if (seenAll && ends.earliest === 0n)
    return behind(`the log holds nothing of this source, and ${acknowledged}`);
  return { kind: 'ends_only' };
}

/** Returns the reason why a position cannot have come from this database; undefined when it can. */
export function doubtOf(position: WirePosition, known: KnownTicks): string | undefined {
  const { epoch, tick } = position;
  if (epoch > known.epoch) return `it is of epoch ${epoch}, and the database is at epoch ${known.epoch}`;
  switch (placeOf(position, known)) {
    case 'missing':
      return `the database has no tick ${tick} (its latest is ${known.latest}): it lost what was published`;
    case 'other':
      return `the database has another tick ${tick} (nonce ${known.nonces.get(tick)}): it was restored, or is a copy, and continued by itself`;
    case 'same':
    case 'dropped':
    case 'older':
      return undefined;
  }
}

function refused(
  { topic, ends }: PartitionFacts,
  code: RefusalCode,
  detail: string,
  offset: bigint,
  position?: WirePosition,
): PartitionVerdict {
  const at = position === undefined ? {} : { position: formatPosition(position, position.nonce) };
  return {
    kind: 'refused',
    refusal: { code, topic, partition: ends.partition, offset, ...at, detail },
  };
}

/** The identity of a database, and the reach of its transaction ids. */
export interface Identity {
  /** undefined: the role may not read it, or it was not written yet. */
  readonly system: string | undefined;
  readonly database: string | undefined;
  readonly nextXid: bigint | undefined;
}

/** Compares the database with the one in which a relay last led. Pure. */
export function judgeIdentity(before: Identity, now: Identity, tickXmax: bigint): Refusal | undefined {
  const was = before.nextXid !== undefined && before.nextXid > tickXmax ? before.nextXid : tickXmax;
  if (now.nextXid !== undefined && now.nextXid < was)
    return {
      code: 'database_went_back',
      detail: `transaction ids are at ${now.nextXid}, and were at ${was}: the tables were loaded into another cluster, where new events would not be seen`,
    };
  if (differ(before.system, now.system))
    return {
      code: 'database_moved',
      detail: `the cluster's system identifier is ${now.system}, and was ${before.system}: this is a copy, and the database that it was copied from may still publish`,
    };
  if (differ(before.database, now.database))
    return {
      code: 'database_moved',
      detail: `the database's oid is ${now.database}, and was ${before.database}: this is a copy, and the database that it was copied from may still publish`,
    };
  return undefined;
}

function differ(before: string | undefined, now: string | undefined): boolean {
  return before !== undefined && now !== undefined && before !== now;
}

/** True when the outbox's snapshots mean nothing here: another cluster counts its own transactions. */
export function isForeignCluster(before: Identity, now: Identity, tickXmax: bigint): boolean {
  return (
    differ(before.system, now.system) ||
    (now.nextXid !== undefined && (now.nextXid < tickXmax || now.nextXid < (before.nextXid ?? 0n)))
  );
}

/** The comparison of a tick in the log with the database. `older`: the tick is of an earlier epoch. */
export type TickMatch = 'same' | 'dropped' | 'missing' | 'other' | 'older';

/** Compares a tick in the log with the database. Pure. Markers count as `same`: only they carry tick 0, which is no window. */
export function placeOf(
  { epoch, tick, nonce }: Position & { readonly nonce?: string },
  known: KnownTicks,
): TickMatch {
  if (epoch < known.epoch) return 'older';
  if (tick === 0n) return 'same';
  const own = known.nonces.get(tick);
  // Ticks are made without gaps, so a missing one below the latest was dropped by retention.
  if (own === undefined) return tick > known.latest ? 'missing' : 'dropped';
  return nonce === undefined || nonce === own ? 'same' : 'other';
}
