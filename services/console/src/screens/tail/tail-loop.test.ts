import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { type Batch, type Frame, frameOf, runTail } from './tail-loop.ts';

const event = (id: string): Batch['events'][number] => ({
  id,
  eventId: id,
  topic: 'shop.orders',
  key: 'k',
  type: 'shop.order.placed',
  bytes: 2,
  createdAt: new Date(0),
  database: 'orders',
});

// Seen to fail without waiting for the write: a frame is held for each read that the browser does not take.
it('G5o: a browser that takes nothing holds one frame, and nothing more is read for it', async () => {
  const clock = manualClock();
  const ended = new AbortController();
  const taken = Promise.withResolvers<undefined>();
  const frames: Frame[] = [];
  let reads = 0;
  const done = runTail({
    read: (most) => {
      reads += 1;
      return Promise.resolve({ events: [event(String(reads))].slice(0, most), matching: 1, unread: [] });
    },
    write: (frame) => {
      frames.push(frame);
      return frames.length === 1 ? taken.promise.then(() => undefined) : Promise.resolve();
    },
    clock,
    signal: ended.signal,
  });
  await clock.advance(60_000);
  expect([reads, frames.length]).toEqual([1, 1]);
  taken.resolve(undefined);
  await clock.advance(500);
  expect([reads, frames.length]).toEqual([3, 3]);
  ended.abort();
  await done;
  expect(clock.sleepers).toBe(0);
});

it('a read asks for 50 events at most, four times a second', async () => {
  const clock = manualClock();
  const ended = new AbortController();
  const asked: number[] = [];
  const done = runTail({
    read: (most) => {
      asked.push(most);
      return Promise.resolve({ events: [], matching: 0, unread: [] });
    },
    write: () => Promise.resolve(),
    clock,
    signal: ended.signal,
  });
  await clock.advance(1_000);
  ended.abort();
  await done;
  expect(asked).toEqual([50, 50, 50, 50]);
});

it('a frame names the true rate of what matches, not the rate of its sample', () => {
  const batch = { events: [event('1'), event('2')], matching: 500, unread: [] };
  expect(frameOf(batch, { before: 1_000, now: 1_250 })).toMatchObject({ perSecond: 2_000, sampled: true });
  expect(frameOf({ ...batch, matching: 2 }, { before: 1_000, now: 3_000 })).toMatchObject({
    perSecond: 1,
    sampled: false,
  });
});
