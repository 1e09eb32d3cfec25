import { comparePositions } from '@convergekit/contracts/engine';
import type { Admin } from '@convergekit/broker';
import {
  backwards,
  type ForgedRecord,
  type Hole,
  type Owner,
  type OwnRecord,
  type Piece,
  type Place,
} from './own-records.ts';

/** Limits of what is read in one partition; then its end alone is compared. */
export const TAIL_LIMITS = { records: 10_000, bytes: 8 * 1_048_576 } as const;
/** The number of records of each partition that are named to an operator. */
const MOST_NAMED = 20;

/** The records of this source at the end of a partition's log. */
export interface Tail {
  /** The last record of this epoch, or of a newer one. */
  readonly newest: OwnRecord | undefined;
  /** The highest position among the records that were read; a late repeat may follow it. */
  readonly highest: OwnRecord | undefined;
  /** A record of an older epoch that follows all of this one. */
  readonly olderBehind: OwnRecord | undefined;
  /** The log was read to its beginning, and all of it could be read. */
  readonly seenAll: boolean;
  readonly forged: readonly ForgedRecord[];
  readonly holes: readonly Hole[];
}

/**
 * Reads back from the log's end until the cursor is covered. The last record alone is not enough: what a deposed relay
 * had in flight may have come after records of its successor.
 */
export async function findTail(admin: Admin, place: Place, owner: Owner): Promise<Tail> {
  let found: Tail = {
    newest: undefined,
    highest: undefined,
    olderBehind: undefined,
    seenAll: false,
    forged: [],
    holes: [],
  };
  let lowest = place.ends.latest;
  for await (const piece of backwards(admin, place, owner, TAIL_LIMITS)) {
    found = withPiece(found, piece, owner.reach.epoch);
    lowest = piece.from;
    const { newest, highest } = found;
    if (newest === undefined || highest === undefined) continue;
    if (comparePositions(highest.position, place.cursor) >= 0) return found;
  }
  return { ...found, seenAll: lowest <= place.ends.earliest && found.holes.length === 0 };
}

/** Pieces come from the last one on; within a piece the log's order counts. */
function withPiece(found: Tail, { own, forged, holes }: Piece, epoch: number): Tail {
  const isOfEpoch = ({ position }: OwnRecord): boolean => position.epoch >= epoch;
  const newest = found.newest ?? own.findLast(isOfEpoch);
  const last = own.at(-1);
  return {
    ...found,
    newest,
    highest: own.reduce(higher, found.highest),
    olderBehind:
      found.newest === undefined && last !== undefined && !isOfEpoch(last)
        ? (found.olderBehind ?? last)
        : found.olderBehind,
    forged: [...found.forged, ...forged].slice(0, MOST_NAMED),
    holes: [...found.holes, ...holes].slice(0, MOST_NAMED),
  };
}

function higher(known: OwnRecord | undefined, record: OwnRecord): OwnRecord {
  return known === undefined || comparePositions(record.position, known.position) > 0 ? record : known;
}
