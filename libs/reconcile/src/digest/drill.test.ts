import { expect, it } from 'vitest';
import type { Digest } from './compare.ts';
import { compareRanges, type DrillOptions } from './drill.ts';
import type { Reader } from './reader.ts';

/** Two sides without rows whose reads the test ends, and the names of the sides that are being read. */
function open() {
  const reading: string[] = [];
  const ends: PromiseWithResolvers<ReadonlyMap<number, Digest>>[] = [];
  const side = (name: string): Reader => ({
    digests: () => {
      const end = Promise.withResolvers<ReadonlyMap<number, Digest>>();
      reading.push(name);
      ends.push(end);
      return end.promise;
    },
    keys: () => Promise.resolve(new Map()),
    digestsOf: () => Promise.resolve(new Map()),
    keysOf: () => Promise.resolve(new Map()),
    close: () => Promise.resolve(),
  });
  const options: DrillOptions = { leafRows: 10, maxAgeMs: 1, hotForMs: new Map(), background: false };
  const compare = (background: boolean) =>
    compareRanges({ desired: side('desired'), actual: side('actual') }, [0], 4, 'full', {
      ...options,
      background,
    }).next();
  const end = async (): Promise<void> => {
    ends.shift()?.resolve(new Map());
    await new Promise(setImmediate);
  };
  return { reading, compare, end };
}

// Seen to fail when a background scan reads both sides at the same time.
it('a background scan reads one side after the other', async () => {
  const { reading, compare, end } = open();
  const compared = compare(true);
  expect(reading).toEqual(['desired']);
  await end();
  expect(reading).toEqual(['desired', 'actual']);
  await end();
  expect((await compared).value).toMatchObject({ kind: 'compared', different: 0 });
});

it('a scan that an operator waits for reads both sides at the same time', async () => {
  const { reading, compare, end } = open();
  const compared = compare(false);
  expect(reading).toEqual(['desired', 'actual']);
  await end();
  await end();
  expect((await compared).value).toMatchObject({ kind: 'compared', different: 0 });
});
