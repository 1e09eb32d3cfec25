import type { Fetched } from '../group/link.ts';
import { expect, it } from 'vitest';
import { KnownEnds } from './known-ends.ts';

const want = (partition: number, offset: bigint) => ({ topic: 't', partition, offset, maxBytes: 1 });
const answer = (partition: number, end: bigint): Fetched => ({
  ok: true,
  topic: 't',
  partition,
  records: [],
  bytes: 0,
  nextOffset: end,
  highWatermark: end,
});

/** Notifications that the test sends. */
function notifications() {
  const waiting: (() => void)[] = [];
  return {
    isLive: true,
    next: () => new Promise<void>((resolve) => void waiting.push(resolve)),
    send: () => waiting.splice(0).forEach((wake) => wake()),
  };
}

it('a fetch from known ends needs no read until something is appended', async () => {
  const heard = notifications();
  const ends = new KnownEnds(heard);
  expect(ends.areAt([want(0, 5n)])).toBe(false);
  ends.beforeRead(['t']);
  ends.read([answer(0, 5n), answer(1, 9n)]);
  expect(ends.areAt([want(0, 5n), want(1, 9n)])).toBe(true);
  expect(ends.areAt([want(1, 9n)])).toBe(true);
  heard.send();
  await ends.appended;
  expect(ends.areAt([want(0, 5n)])).toBe(false);
});

it('a fetch from before the end, or of a partition that was not read, needs a read', () => {
  const ends = new KnownEnds(notifications());
  ends.beforeRead(['t']);
  ends.read([answer(0, 5n)]);
  expect([ends.areAt([want(0, 4n)]), ends.areAt([want(0, 5n), want(2, 0n)])]).toEqual([false, false]);
  ends.beforeRead(['t']);
  expect(ends.areAt([want(0, 5n)])).toBe(false);
});

it('an append during a read makes the ends of this read old', async () => {
  const heard = notifications();
  const ends = new KnownEnds(heard);
  ends.beforeRead(['t']);
  heard.send();
  ends.read([answer(0, 5n)]);
  await ends.appended;
  expect(ends.areAt([want(0, 5n)])).toBe(false);
});

it('known ends count for nothing while notifications are not heard', () => {
  const heard = notifications();
  const ends = new KnownEnds(heard);
  ends.beforeRead(['t']);
  ends.read([answer(0, 5n)]);
  heard.isLive = false;
  expect(ends.areAt([want(0, 5n)])).toBe(false);
});
