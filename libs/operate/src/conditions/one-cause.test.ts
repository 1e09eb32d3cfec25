import { expect, it } from 'vitest';
import { oneCause } from './one-cause.ts';
import { pauseItems } from './saga-items.ts';

const pause = (ms: number, instance: string | null = null) => ({
  saga: 'trip',
  instance,
  at: new Date(ms),
  by: 'ann',
  reason: 'audit',
  held: 2,
  inFlight: 0,
});
const placed = (database: string, ms: number, instance?: string) =>
  pauseItems([pause(ms, instance)], ms).map((item) => ({ ...item, database }));

// Planted fault: four databases that run a saga show its pause as four things to act on.
it('a pause of a saga is one item over all databases that it holds, and an instance is paused by itself', () => {
  const items = oneCause([
    ...placed('orders', 2_000),
    ...placed('bank', 1_000),
    ...placed('orders', 3_000, 'i-1'),
  ]);
  expect(items).toMatchObject([
    {
      database: 'orders, bank',
      since: new Date(1_000),
      text: expect.stringMatching(/ in bank; it is paused in orders as well$/),
      next: 'converge saga resume trip --reason "…"',
    },
    { database: 'orders', text: expect.not.stringContaining('as well'), about: { id: 'i-1' } },
  ]);
});
