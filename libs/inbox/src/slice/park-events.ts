import type { Executor } from '@converge/postgres';
import { slowDelayMs } from '@converge/resilience';
import type { Placed } from '../decide/lay-out.ts';
import { failureColumns, type NewParked, parkedRow, type Place } from '../park/parked-row.ts';
import { extendLines, insertParked, openLines } from '../query/parked.ts';
import type { Partition, SliceContext } from './context.ts';
import { envelopeOf, handlerOf, letterOf, parkedIdOf } from './place-steps.ts';
import { HeldChanged } from './slice-errors.ts';

/**
 * Puts the events of a slice that do not take effect now where they wait or are recorded. Last in its transaction: it
 * locks the rows of the keys. Throws HeldChanged when a key was released, or parked, since we looked: the slice is run
 * again with what is true now. Gives the lines that it opened.
 */
export async function parkEvents<DB>(
  context: SliceContext<DB>,
  partition: Partition,
  placed: readonly Placed<DB>[],
  executor: Executor,
): Promise<readonly string[]> {
  const opened = placed.flatMap((one) => (one.kind === 'head' ? [one] : []));
  const counts = countByLine(placed);
  const openedLines = new Set(opened.map(({ line }) => line));
  const appends = [...counts].flatMap(([line, count]) => (openedLines.has(line) ? [] : [{ line, count }]));
  const tails = new Map<string, bigint>();
  if (appends.length > 0) {
    const extended = await extendLines(executor, partition.key, appends);
    const released = appends.map(({ line }) => line).filter((line) => !extended.has(line));
    if (released.length > 0) throw new HeldChanged({ released });
    for (const [line, tail] of extended) tails.set(line, tail);
  }
  if (opened.length > 0) {
    const { schedule } = context.parking.policy;
    const lines = opened.map(({ line, state }) => {
      const waitMs = state === 'dead' ? 0 : slowDelayMs(schedule, 1, context.random);
      return { line, state, count: counts.get(line) ?? 1, waitMs };
    });
    const made = await openLines(executor, partition.key, lines);
    const parked = [...openedLines].filter((line) => !made.has(line));
    if (parked.length > 0) throw new HeldChanged({ parked });
    for (const { line, count } of lines) tails.set(line, BigInt(count));
  }
  await insertParked(executor, rowsOf(partition, placed, seats(counts, tails)));
  return [...openedLines];
}

function countByLine<DB>(placed: readonly Placed<DB>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const one of placed)
    if (one.kind === 'head' || one.kind === 'behind') counts.set(one.line, (counts.get(one.line) ?? 0) + 1);
  return counts;
}

/** The next free place of each line, in order: the new tail is the last of them. */
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
): readonly NewParked[] {
  const { consumer } = partition.key;
  return placed.flatMap((one): readonly NewParked[] => {
    const { step } = one;
    const event = {
      id: parkedIdOf(partition, step),
      consumer,
      topicId: partition.topicId,
      record: step.record,
      envelope: envelopeOf(step),
      handler: handlerOf(step),
    };
    switch (one.kind) {
      case 'pass':
      case 'handle':
        return [];
      case 'behind':
        return [parkedRow(event, 'waiting', seat(one.line), undefined)];
      case 'head': {
        const told = one.state === 'dead';
        const columns = failureColumns(letterOf(partition, step, one.why), told);
        return [parkedRow(event, one.state, seat(one.line), columns)];
      }
      case 'aside': {
        const columns = failureColumns(letterOf(partition, step, one.why), true);
        const row = parkedRow(event, one.state, undefined, columns);
        const { gaveUp } = one.why;
        return [gaveUp?.kind === 'closed' ? { ...row, closed: gaveUp.because } : row];
      }
    }
  });
}
