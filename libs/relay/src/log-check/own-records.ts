import { ContractError } from '@convergekit/contracts';
import {
  parsePosition,
  type SigningKey,
  verifySignature,
  WIRE,
  type WirePosition,
} from '@convergekit/contracts/engine';
import {
  type Admin,
  type Assignment,
  BrokerError,
  type IncomingRecord,
  type LogEnds,
} from '@convergekit/broker/engine';
import { messageOf } from '@convergekit/core/engine';
import type { CursorRecord } from '../leader/takeover-sql.ts';
import { forgeryOf, type Reach } from './reach.ts';

/** The number of records in the first piece: at an ordinary takeover the last record is the source's own. */
const FIRST_PIECE = 8;
const MOST_IN_PIECE = 5_000;
/** The wanted size of a piece in bytes, judged by the size of earlier records. */
const PIECE_BYTES = 2 * 1_048_576;
/** Characters of a text that only names a record to an operator. */
const SHOWN = 256;

/** A record that names this source, as far as the comparison needs it. */
export interface OwnRecord {
  readonly offset: bigint;
  readonly position: WirePosition;
  readonly eventId: string;
  readonly type: string;
  readonly key: string;
}

/** A record that claims to be ours and cannot be. */
export interface ForgedRecord extends OwnRecord {
  readonly why: string;
}

/** The first offset whose records carry signatures of this key. */
export interface SignedFrom {
  readonly key: SigningKey;
  readonly offset: bigint;
}

/** The source whose records are read. */
export interface Owner {
  readonly sourceId: string;
  readonly reach: Reach;
  /** Offsets whose records an operator disowned. @default none */
  readonly disowned?: ReadonlySet<bigint> | undefined;
  /** undefined: signatures are not compared. */
  readonly signed?: SignedFrom | undefined;
}

/** A partition with the ends of its log. */
export interface Place {
  readonly cursor: CursorRecord;
  readonly ends: LogEnds;
}

/** A batch that cannot be decoded. */
export interface Hole {
  /** The first offset that could not be read. */
  readonly offset: bigint;
  readonly why: string;
}

/** A piece of a partition's log, from offset `from` on. */
export interface Piece {
  readonly from: bigint;
  /** The source's own records, in the order of the log, without disowned ones. */
  readonly own: readonly OwnRecord[];
  /** Records that the source cannot have written. They are ignored. */
  readonly forged: readonly ForgedRecord[];
  /** The number of all records of the piece, including foreign ones. */
  readonly records: number;
  readonly bytes: number;
  readonly holes: readonly Hole[];
}

export interface Limits {
  readonly records: number;
  readonly bytes: number;
}

const NO_LIMITS: Limits = { records: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/**
 * Reads a partition in pieces, the last one first, within limits. Memory stays flat: records of others are dropped one
 * by one, because a topic may be shared with a producer of large ones. A piece over the limit of bytes ends the walk.
 */
export async function* backwards(
  admin: Admin,
  place: Place,
  owner: Owner,
  limits: Limits = NO_LIMITS,
): AsyncIterable<Piece> {
  const { earliest, latest } = place.ends;
  let size = FIRST_PIECE;
  let { records: left, bytes: leftBytes } = limits;
  for (let to = latest; to > earliest && left > 0;) {
    const wanted = BigInt(Math.min(left, size));
    const from = to - wanted > earliest ? to - wanted : earliest;
    const piece = await readPiece(admin, place, { owner, from, to, mostBytes: leftBytes });
    if (piece === undefined) {
      // The last records cannot be read: the very last one alone may be the source's own.
      if (to < latest || size === 1) return;
      size = 1;
      continue;
    }
    yield piece;
    left -= Number(to - from);
    leftBytes -= piece.bytes;
    to = from;
    size = nextSize(size, piece);
  }
}

function nextSize(size: number, { records, bytes }: Piece): number {
  const fitting = bytes === 0 ? MOST_IN_PIECE : Math.floor((PIECE_BYTES * records) / bytes);
  return Math.max(1, Math.min(size * 8, fitting, MOST_IN_PIECE));
}

interface Wanted {
  readonly owner: Owner;
  readonly from: bigint;
  readonly to: bigint;
  readonly mostBytes: number;
}

/** Reads a piece; undefined: it has more bytes than allowed. */
async function readPiece(
  admin: Admin,
  { cursor: { topic, partition } }: Place,
  { owner, from, to, mostBytes }: Wanted,
): Promise<Piece | undefined> {
  const own: OwnRecord[] = [];
  const forged: ForgedRecord[] = [];
  const holes: Hole[] = [];
  let records = 0;
  let bytes = 0;
  for (let at = from; at < to;) {
    try {
      // The source's records count also behind another producer's open transaction: relays use none.
      for await (const record of admin.read(topic, partition, at, to, 'uncommitted')) {
        at = record.offset + 1n;
        records += 1;
        bytes += sizeOf(record);
        if (bytes > mostBytes) return undefined;
        const { undecodable } = record;
        if (undecodable !== undefined) holes.push({ offset: undecodable.firstOffset, why: undecodable.why });
        const ours = ownRecord(record, owner.sourceId);
        if (ours === undefined || owner.disowned?.has(ours.offset) === true) continue;
        const why = unsignedOf(record, owner.signed) ?? forgeryOf(ours, owner.reach);
        if (why === undefined) own.push(ours);
        else forged.push({ ...ours, why });
      }
      break;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      holes.push({ offset: at, why: messageOf(error) });
      at = await behindHole(admin, { topic, partition, from: at, to });
    }
  }
  return { from, own, forged, records, bytes, holes };
}

/** A batch that cannot be decoded, as opposed to a broker that does not answer. A decoder may throw anything on garbage. */
function isUnreadable(error: unknown): boolean {
  return !(error instanceof BrokerError) || error.code === 'RECORDS_UNREADABLE';
}

interface Stretch extends Assignment {
  readonly from: bigint;
  readonly to: bigint;
}

/** Finds the lowest readable offset behind a hole, by bisection. An answer begins with the whole batch of an offset. */
async function behindHole(admin: Admin, { topic, partition, from, to }: Stretch): Promise<bigint> {
  let low = from + 1n;
  let high = to;
  while (low < high) {
    const middle = (low + high) / 2n;
    if (await canReadFrom(admin, { topic, partition, from: middle, to })) high = middle;
    else low = middle + 1n;
  }
  return high;
}

async function canReadFrom(admin: Admin, { topic, partition, from, to }: Stretch): Promise<boolean> {
  try {
    await admin.read(topic, partition, from, to, 'uncommitted')[Symbol.asyncIterator]().next();
    return true;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return false;
  }
}

function sizeOf({ key, value, headers }: IncomingRecord): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of headers) size += name.length + (text?.length ?? 0);
  return size;
}

/**
 * Parses a record of the source; undefined for other writers' records, and for claimed ones without a valid position.
 */
export function ownRecord(record: IncomingRecord, sourceId: string): OwnRecord | undefined {
  const { headers } = record;
  if (textOf(headers, WIRE.sourceId)?.toLowerCase() !== sourceId) return undefined;
  try {
    return {
      offset: record.offset,
      position: parsePosition(textOf(headers, WIRE.position) ?? ''),
      eventId: textOf(headers, WIRE.id) ?? '',
      type: textOf(headers, WIRE.type) ?? '',
      key: record.key?.toString('utf8', 0, SHOWN) ?? '',
    };
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}

function unsignedOf(record: IncomingRecord, signed: SignedFrom | undefined): string | undefined {
  if (signed === undefined || record.offset < signed.offset) return undefined;
  if (verifySignature(record, [signed.key]) === 'valid') return undefined;
  return 'this source signs its records from an offset before it on, and this one has no signature of its key';
}

/** Returns the last header of that name, cut to a useful length: a foreign header may have any size. */
function textOf(headers: IncomingRecord['headers'], name: string): string | undefined {
  return headers.findLast(([one]) => one === name)?.[1]?.toString('utf8', 0, SHOWN);
}
