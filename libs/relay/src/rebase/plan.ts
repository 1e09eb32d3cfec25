import { comparePositions, type Position, START } from '@convergekit/contracts/engine';
import type { CursorRecord } from '../leader/takeover-sql.ts';
import type { PartitionScan, ScannedRecord } from './scan.ts';

/** The position up to which a partition's log holds the events of this timeline. */
export interface Passed {
  readonly tick: bigint;
  readonly id: bigint;
}

export interface PartitionPlan {
  readonly cursor: CursorRecord;
  /** The predecessor that the first event of the new epoch names. */
  readonly prev: Position;
  readonly passed: Passed;
  /** Records of the log beyond the fork. */
  readonly beyond: readonly ScannedRecord[];
  /** True when the log lost its end: the lost events are sent again, from `passed` on. */
  readonly logLost: boolean;
  readonly end: bigint;
}

export interface RebasePlan {
  readonly epoch: number;
  readonly forkedTick: bigint;
  readonly doneTick: bigint;
  readonly partitions: readonly PartitionPlan[];
}

export interface PlanInput {
  readonly epoch: number;
  readonly latestTick: bigint;
  /** The lowest tick of the range without a missing tick, up to the latest. */
  readonly lowestTick: bigint;
  readonly doneTick: bigint;
  readonly scans: readonly PartitionScan[];
}

export const MAX_ID = 2n ** 63n - 1n;

/**
 * Decides where the timelines fork and where each partition continues. The function is pure. The fork is the last tick
 * that log and database have in common. Events in the log up to the fork are not sent again; those beyond it belong to
 * a past that this database does not have.
 */
export function planRebase({ epoch, latestTick, lowestTick, doneTick, scans }: PlanInput): RebasePlan {
  const records = scans.flatMap((scan) => scan.records);
  const forkedTick = records
    .filter(({ match }) => match === 'other')
    .reduce((fork, { position }) => least(fork, position.tick - 1n), latestTick);
  const partitions = scans.map((scan) => planPartition(scan, epoch, forkedTick));
  const again = partitions
    .filter(({ logLost }) => logLost)
    .map(({ passed }) => greatest(passed.tick - 1n, 0n));
  return {
    epoch: records.reduce((most, { position }) => Math.max(most, position.epoch), epoch) + 1,
    forkedTick,
    doneTick: greatest(again.reduce(least, least(doneTick, forkedTick)), lowestTick),
    partitions,
  };
}

function planPartition(
  { cursor, records, whole, end }: PartitionScan,
  epoch: number,
  forkedTick: bigint,
): PartitionPlan {
  const highest = records.map(({ position }) => position).reduce(later, undefined);
  const logLost =
    highest === undefined
      ? whole && comparePositions(cursor, START) > 0
      : comparePositions(highest, cursor) < 0;
  const isShared = ({ match, position }: ScannedRecord): boolean =>
    match !== 'older' && position.tick <= forkedTick && position.tick > 0n;
  const shared = records.filter(isShared).map(({ position }) => position);
  const known = logLost ? [] : [capped(cursor.passed ?? cursor, forkedTick)];
  return {
    cursor,
    prev: logLost ? (highest ?? START) : (later(highest, cursor) ?? START),
    passed: [...shared, ...known].reduce(further, { tick: 0n, id: 0n }),
    beyond: records.filter(({ position, match }) => match !== 'older' && position.tick > forkedTick),
    logLost,
    end,
  };
}

function capped({ tick, id }: Passed, most: bigint): Passed {
  return tick > most ? { tick: most, id: MAX_ID } : { tick, id };
}

function further(left: Passed, { tick, id }: Passed): Passed {
  return tick > left.tick || (tick === left.tick && id > left.id) ? { tick, id } : left;
}

function later(left: Position | undefined, { epoch, tick, id }: Position): Position | undefined {
  const right = { epoch, tick, id };
  return left === undefined || comparePositions(right, left) > 0 ? right : left;
}

export function least(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

function greatest(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
