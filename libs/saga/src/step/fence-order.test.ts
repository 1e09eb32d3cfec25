import { expect, it } from 'vitest';
import { FenceOrder } from './fence-order.ts';

it('a local step runs its handler first, asks first after it was found reached, and after a hundred new steps no more', () => {
  const order = new FenceOrder();
  expect(order.asksFirst).toBe(false);
  order.reached();
  for (let begun = 0; begun < 99; begun += 1) order.absent();
  expect(order.asksFirst).toBe(true);
  order.absent();
  expect(order.asksFirst).toBe(false);
  order.absent();
  order.reached();
  expect(order.asksFirst).toBe(true);
});
