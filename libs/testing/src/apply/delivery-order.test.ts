import { seededRandom } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { type Delivery, DeliveryOrder, type OrderOptions } from './delivery-order.ts';
import type { EmittedEvent } from './events.ts';

const eventOf = (key: string, n: number): EmittedEvent => ({
  id: `${key}${n}`,
  type: 'test.counted',
  version: 1,
  topic: 't',
  key,
  data: n,
  payload: `${n}`,
  headers: {},
  source: { id: 's', name: 's' },
});

function deliveries(seed: number, options: Partial<OrderOptions> = {}): readonly Delivery[] {
  const order = new DeliveryOrder({ order: 'random', duplicates: 0, random: seededRandom(seed), ...options });
  for (const n of [1, 2, 3, 4]) for (const key of ['a', 'b']) order.publish(eventOf(key, n), ['x', 'y']);
  const all: Delivery[] = [];
  for (let next = order.next(); next !== undefined; next = order.next()) all.push(next);
  return all;
}
const idsOf = (all: readonly Delivery[]): string =>
  all.map(({ consumer, event }) => consumer + event.id).join(' ');
const seeds = Array.from({ length: 50 }, (_, seed) => seed);

describe('the order of deliveries', () => {
  it('every consumer gets the events of each key in their order, and equal seeds give equal orders', () => {
    for (const seed of seeds) {
      const all = deliveries(seed);
      expect(all).toHaveLength(16);
      for (const consumer of ['x', 'y'])
        for (const key of ['a', 'b']) {
          const own = all.filter((one) => one.consumer === consumer && one.event.key === key);
          expect(own.map(({ event }) => event.data)).toEqual([1, 2, 3, 4]);
        }
      expect(idsOf(deliveries(seed))).toBe(idsOf(all));
    }
    expect(new Set(seeds.map((seed) => idsOf(deliveries(seed)))).size).toBeGreaterThan(40);
  });

  it('a repeat begins at an earlier event of its key, and all later ones of the key follow again', () => {
    for (const seed of seeds) {
      const all = deliveries(seed, { duplicates: 0.5 });
      for (const consumer of ['x', 'y']) {
        const own = all.filter((one) => one.consumer === consumer && one.event.key === 'a');
        own.forEach(({ event, again }, at) => {
          const before = own.slice(0, at);
          const newest = Math.max(0, ...before.map((one) => Number(one.event.data)));
          if (!again) expect(event.data).toBe(newest + 1);
          else expect(Number(event.data)).toBeLessThanOrEqual(newest);
          const last = before.at(-1);
          if (last?.again === true) expect(event.data).toBe(Number(last.event.data) + 1);
        });
      }
    }
    expect(deliveries(1, { duplicates: 0.5 }).some(({ again }) => again)).toBe(true);
  });

  it('the given order is that of publication, for every consumer', () => {
    const all = deliveries(1, { order: 'given' }).filter(({ consumer }) => consumer === 'x');
    expect(all.map(({ event }) => event.id)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'b4']);
  });
});
