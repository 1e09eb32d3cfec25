import { expect, it } from 'vitest';
import { Places } from './places.ts';

function placesOf(concurrency = 2) {
  const notified: string[] = [];
  const group = { name: 'a', concurrency };
  const places = new Places({ notify: () => notified.push('look') });
  const looks = (free: number, found: number): void => places.looked('a', found >= free);
  const holds = () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    let called: () => void = () => undefined;
    places.reserve({ name: 'a' }).hold((ended) => {
      called = ended;
      return promise.then();
    });
    const end = async (): Promise<void> => {
      resolve(undefined);
      await new Promise(setImmediate);
    };
    return Object.assign(end, { called: () => called() });
  };
  const free = (): number => places.freeOf(group);
  return { notified, looks, holds, free, takes: () => places.takes(group) };
}

// Planted fault: a worker that looks again only when all places were held leaves the second place empty.
it('a place that becomes free while a look for another one is under way requests a look, too', async () => {
  const { notified, looks, holds } = placesOf();
  looks(2, 2);
  const [first, second] = [holds(), holds()];
  await first();
  expect(notified).toHaveLength(1);
  // The look asks for one place, and has not been answered.
  await second();
  expect(notified).toHaveLength(2);
});

it('a place that becomes free requests no look when the last one found less than it had places for', async () => {
  const { notified, looks, holds } = placesOf();
  looks(2, 1);
  await holds()();
  expect(notified).toEqual([]);
});

// Planted fault: a place that is held until the outcome is recorded leaves the other system idle meanwhile.
it('a call that has ended frees its place while its outcome is recorded, and the rows at hand stay bounded', async () => {
  const { notified, looks, holds, free } = placesOf(2);
  looks(2, 2);
  const held = [holds(), holds()];
  expect(free()).toBe(0);
  for (const { called } of held) called();
  expect([free(), notified.length]).toEqual([2, 2]);
  for (let more = 0; more < 6; more += 1) {
    held.push(holds());
    held.at(-1)?.called();
  }
  // Eight outcomes wait for the database: no further row is taken, although no call is in flight.
  expect(free()).toBe(0);
  await held[0]?.();
  expect(free()).toBe(1);
});

// Planted fault: without it each slice that writes work has a worker look that cannot take any.
it('announced work without a free place requests no look, and the next place that becomes free does', async () => {
  const { notified, looks, holds, takes } = placesOf(1);
  looks(2, 1);
  const end = holds();
  expect([takes(), notified]).toEqual([false, []]);
  await end();
  expect([takes(), notified]).toEqual([true, ['look']]);
});

// Planted fault: after one look that the database refused, none of its calls is born claimed any more.
it('a look that fails keeps no new work from its place', async () => {
  const places = new Places({ notify: () => undefined });
  places.looked('a', false);
  await expect(places.whileLooking(['a'], () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(places.isClear({ name: 'a' })).toBe(true);
});
