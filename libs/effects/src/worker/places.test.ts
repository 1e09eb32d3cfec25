import { expect, it } from 'vitest';
import { Places } from './places.ts';

function placesOf() {
  const notified: string[] = [];
  const places = new Places<object>(new Map(), { notify: () => notified.push('look') });
  const looks = (free: number, found: number): void => {
    const wanted = { effect: 'a', places: free, leaseMs: 1, callMs: 1, settleMs: 0 };
    places.looked(
      [wanted],
      Array.from({ length: found }, () => ({ effect: 'a' })),
    );
  };
  const holds = (): (() => Promise<void>) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    places.hold({ name: 'a' }, promise.then());
    return async () => {
      resolve(undefined);
      await new Promise(setImmediate);
    };
  };
  return { notified, looks, holds };
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
