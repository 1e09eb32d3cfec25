import type { Executor } from '@convergekit/postgres';
import { slowWait } from '@convergekit/resilience/engine';
import type { Placed } from './placement.ts';
import { sizeOf } from './weigh.ts';
import { failureColumns, inLogRow, type NewParked, parkedRow, type Place } from './parked-row.ts';
import { extendLines, insertParked, type LineSize, openLines, readSizes } from './parked-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import type { Partition } from '../slice/partition.ts';
import { triedStep } from '../attempt/attempt-rows.ts';
import { deadLetterOf, parkedIdOf } from './place-steps.ts';
import { SliceFault } from '../slice/fault.ts';

/**
 * Parks or records the events of a slice that do not take effect now. Last in its transaction, since it locks the rows of the
 * keys. Throws `held_changed` when a key was released or parked since it was read.
 */
export async function parkEvents<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  placed: readonly Placed<DB>[],
  executor: Executor,
): Promise<Parked> {
  const opened = placed.flatMap((one) => (one.kind === 'parkFirst' ? [one] : []));
  const counts = countByLine(placed);
  const openedLines = new Set(opened.map(({ line }) => line));
  const appends = [...counts].flatMap(([line, count]) => (openedLines.has(line) ? [] : [{ line, count }]));
  const tails = new Map<string, bigint>();
  if (appends.length > 0) {
    const extended = await extendLines(executor, partition.key, appends);
    const released = appends.map(({ line }) => line).filter((line) => !extended.has(line));
    if (released.length > 0) throw new SliceFault({ kind: 'held_changed', released, parked: [] });
    for (const [line, tail] of extended) tails.set(line, tail);
  }
  if (opened.length > 0) {
    const { schedule } = context.parking.policy;
    const lines = opened.map(({ line, state }) => {
      const waitMs =
        state === 'dead' ? 0 : slowWait(schedule, { attempt: 1, random: context.random }).computedMs;
      return { line, state, count: counts.get(line) ?? 1, waitMs };
    });
    const made = await openLines(executor, partition.key, lines);
    const parked = [...openedLines].filter((line) => !made.has(line));
    if (parked.length > 0) throw new SliceFault({ kind: 'held_changed', released: [], parked });
    for (const { line, count } of lines) tails.set(line, BigInt(count));
  }
  const { maxRowsPerKey, maxBytesPerKey } = context.parking.policy;
  const lines = appends.map(({ line }) => line);
  const sizes = lines.length === 0 ? [] : await readSizes(executor, partition.key, lines, maxRowsPerKey);
  const room = roomOf(new Map(sizes), { rows: maxRowsPerKey, bytes: maxBytesPerKey });
  await insertParked(executor, rowsOf(partition, placed, seats(counts, tails), room));
  return { opened: [...openedLines], inLog: room.left };
}

export interface Parked {
  /** The lines that this slice opened. */
  readonly opened: readonly string[];
  /** Events that were parked without their bytes. */
  readonly inLog: LineSize;
}

/** The bytes that are kept for each line. */
interface Room {
  /** Events that are left in the log, and their bytes. */
  readonly left: LineSize;
  /** True when one more event of a line is kept with its bytes; else it is left in the log. */
  fits(line: string, bytes: number): boolean;
}

function roomOf(kept: Map<string, LineSize>, most: LineSize): Room {
  const none: LineSize = { rows: 0, bytes: 0 };
  const left = { ...none };
  return {
    left,
    fits: (line, bytes) => {
      const size = kept.get(line) ?? none;
      if (size.rows > 0 && (size.rows + 1 > most.rows || size.bytes + bytes > most.bytes)) {
        left.rows += 1;
        left.bytes += bytes;
        return false;
      }
      kept.set(line, { rows: size.rows + 1, bytes: size.bytes + bytes });
      return true;
    },
  };
}

function countByLine<DB>(placed: readonly Placed<DB>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const one of placed)
    if (one.kind === 'parkFirst' || one.kind === 'parkBehind')
      counts.set(one.line, (counts.get(one.line) ?? 0) + 1);
  return counts;
}

/** Assigns the free places of each line in order, up to its new tail. */
function seats(
  counts: ReadonlyMap<string, number>,
  tails: ReadonlyMap<string, bigint>,
): (line: string) => Place {
  const next = new Map([...tails].map(([line, tail]) => [line, tail - BigInt(counts.get(line) ?? 0) + 1n]));
  return (line) => {
    const seq = next.get(line) ?? 0n;
    next.set(line, seq + 1n);
    return { line, seq };
  };
}

function rowsOf<DB>(
  partition: Partition,
  placed: readonly Placed<DB>[],
  seat: (line: string) => Place,
  room: Room,
): readonly NewParked[] {
  return placed.flatMap((one): readonly NewParked[] => {
    const { step } = one;
    const event = { ...triedStep(partition, step), id: parkedIdOf(partition, step) };
    switch (one.kind) {
      case 'pass':
      case 'handle':
        return [];
      case 'parkBehind': {
        const row = parkedRow(event, 'waiting', seat(one.line), undefined);
        // A filled event is not in the log.
        return [room.fits(one.line, sizeOf(one)) || step.fill !== undefined ? row : inLogRow(row)];
      }
      case 'parkFirst': {
        room.fits(one.line, sizeOf(one));
        const columns = failureColumns(deadLetterOf(partition, step, one.why), one.state === 'dead');
        return [parkedRow(event, one.state, seat(one.line), columns)];
      }
      case 'release': {
        const columns = failureColumns(deadLetterOf(partition, step, one.why), true);
        const row = parkedRow(event, one.state, undefined, columns);
        const { decision } = one.why;
        return [decision?.kind === 'closed' ? { ...row, closed: decision.because } : row];
      }
    }
  });
}
