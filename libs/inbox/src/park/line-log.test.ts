import { expect, it } from 'vitest';
import type { Head } from './head-sql.ts';
import { wholeHeads } from './line-log.ts';

/** A log of one partition: the sizes of its records by offset, and the reads of it. */
function logOf(sizes: Readonly<Record<number, number>>) {
  const reads: [number, number][] = [];
  return {
    reads,
    readLog: async function* (from: { topic: string; partition: number; offset: bigint }, to: bigint) {
      reads.push([Number(from.offset), Number(to)]);
      await Promise.resolve();
      for (const [at, size] of Object.entries(sizes))
        if (BigInt(at) >= from.offset && BigInt(at) < to)
          yield {
            ...from,
            offset: BigInt(at),
            timestampMs: 0,
            key: null,
            value: Buffer.alloc(size),
            headers: [],
          };
    },
  };
}

/** An event of a line, at this offset. Its record is none of ours, so no id of an event is compared. */
function parked(offset: number, bytes: Head['bytes'] = 'log', partition = 0): Head {
  const record = { topic: 't', partition, offset: BigInt(offset), timestampMs: 0, key: null, value: null };
  return { bytes, eventId: null, edited: null, record: { ...record, headers: [] } } as unknown as Head;
}

const textOf = ({ record, bytes }: Head): string => `${record.offset} ${bytes}`;

it('the events of a line whose bytes are in the log are read together, with records of other keys between them', async () => {
  const log = logOf({ 1: 10, 2: 10, 3: 10, 4: 10, 5: 10 });
  const whole = await wholeHeads(log, [parked(1, 'here'), parked(2), parked(4), parked(5)]);
  expect(whole.map(textOf)).toEqual(['1 here', '2 here', '4 here', '5 here']);
  expect(log.reads).toEqual([[2, 6]]);
});

it('events whose rows have their bytes need no log', async () => {
  const log = logOf({});
  expect(await wholeHeads(log, [parked(1, 'here'), parked(2, 'here')])).toHaveLength(2);
  expect(log.reads).toEqual([]);
});

it('an event that the log does not have any more is gone, and those after it are read', async () => {
  const whole = await wholeHeads(logOf({ 7: 10, 9: 10 }), [parked(1), parked(7), parked(8), parked(9)]);
  expect(whole.map(textOf)).toEqual(['1 gone', '7 here', '8 gone', '9 here']);
});

it('an event far behind in the log is left for a later read', async () => {
  const MIB = 1_048_576;
  const log = logOf({ 1: MIB, 2: 5 * MIB, 3: MIB, 4: MIB });
  expect((await wholeHeads(log, [parked(1), parked(3), parked(4)])).map(textOf)).toEqual(['1 here']);
  // The first one is returned, however large it is.
  expect((await wholeHeads(logOf({ 1: 9 * MIB }), [parked(1)])).map(textOf)).toEqual(['1 here']);
});

it('an event of another partition is left for a later read', async () => {
  const log = logOf({ 1: 10, 2: 10 });
  expect((await wholeHeads(log, [parked(1), parked(2), parked(1, 'log', 1)])).map(textOf)).toEqual([
    '1 here',
    '2 here',
  ]);
});
