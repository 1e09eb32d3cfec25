import {
  comparePositions,
  ContractError,
  parsePosition,
  type Position,
  WIRE,
  type WirePosition,
} from '@converge/contracts';
import type { Admin, IncomingRecord, LogEnds } from '@converge/kafka';

/** Records that are looked at in one partition before its end must do. */
export const MOST_RECORDS = 10_000;
/** Few at first: at an ordinary takeover the last record is ours. */
const FIRST_CHUNK = 8n;

/** A record that our source wrote, as far as the comparison needs it. */
export interface OwnRecord {
  readonly offset: bigint;
  readonly position: WirePosition;
  readonly eventId: string;
  readonly type: string;
  readonly key: string;
}

/** What the end of a partition's log says of our source. */
export interface Tail {
  /** The last record of this epoch, or of a newer one. */
  readonly newest: OwnRecord | undefined;
  /** The highest position among the records that were looked at; a late repeat may stand behind it. */
  readonly highest: OwnRecord | undefined;
  /** A record of an older epoch stands behind all of this one. */
  readonly olderBehind: OwnRecord | undefined;
  /** The log was read to its beginning. */
  readonly seenAll: boolean;
}

export interface Place {
  readonly topic: string;
  readonly ends: LogEnds;
}

/**
 * Looks back from the log's end until our cursor is covered. The last record alone does not do: what a deposed relay
 * had in flight may have come after records of its successor.
 */
export async function findTail(
  admin: Admin,
  place: Place,
  {
    sourceId,
    epoch,
    cursor,
  }: { readonly sourceId: string; readonly epoch: number; readonly cursor: Position },
): Promise<Tail> {
  let newest: OwnRecord | undefined;
  let highest: OwnRecord | undefined;
  let olderBehind: OwnRecord | undefined;
  for await (const chunk of backwards(admin, place, MOST_RECORDS)) {
    for (const record of chunk.toReversed()) {
      const own = ownRecord(record, sourceId);
      if (own === undefined) continue;
      if (highest === undefined || comparePositions(own.position, highest.position) > 0) highest = own;
      if (own.position.epoch >= epoch) newest ??= own;
      else if (newest === undefined) olderBehind ??= own;
      if (newest !== undefined && comparePositions(highest.position, cursor) >= 0)
        return { newest, highest, olderBehind, seenAll: false };
    }
  }
  const { earliest, latest } = place.ends;
  return { newest, highest, olderBehind, seenAll: latest - earliest <= BigInt(MOST_RECORDS) };
}

/** Reads a partition in pieces, the last one first; within a piece in order. */
export async function* backwards(
  admin: Admin,
  { topic, ends }: Place,
  most = Number.POSITIVE_INFINITY,
): AsyncIterable<readonly IncomingRecord[]> {
  let size = FIRST_CHUNK;
  let left = most;
  for (let to = ends.latest; to > ends.earliest && left > 0;) {
    const wanted = left < Number(size) ? BigInt(left) : size;
    const from = to - wanted > ends.earliest ? to - wanted : ends.earliest;
    const records: IncomingRecord[] = [];
    for await (const record of admin.read(topic, ends.partition, from, to)) records.push(record);
    if (records.length > 0) yield records;
    left -= Number(to - from);
    to = from;
    size = size * 8n > 5_000n ? 5_000n : size * 8n;
  }
}

/** undefined for what others wrote, and for what claims to be ours without a position that can be read. */
export function ownRecord(record: IncomingRecord, sourceId: string): OwnRecord | undefined {
  const headers = new Map(record.headers.map(([name, value]) => [name, value?.toString('utf8') ?? '']));
  if (headers.get(WIRE.sourceId)?.toLowerCase() !== sourceId) return undefined;
  try {
    return {
      offset: record.offset,
      position: parsePosition(headers.get(WIRE.position) ?? ''),
      eventId: headers.get(WIRE.id) ?? '',
      type: headers.get(WIRE.type) ?? '',
      key: record.key?.toString('utf8') ?? '',
    };
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}
