import { defineEvent } from '@convergekit/contracts';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineConsumer } from './define-consumer.ts';
import { topicsOfOneKey } from './topics-of-one-key.ts';

const data = z.object({ order: z.string(), sku: z.string() });
const byOrder = (type: string, topic: string) =>
  defineEvent({ type, topic, key: ({ order }) => order, data });
const placed = byOrder('order.placed', 'orders');
const paid = byOrder('order.paid', 'payments');
const moved = defineEvent({ type: 'stock.moved', topic: 'stock', key: ({ sku }) => sku, data });

it('events of one kind of key that a consumer handles from several topics are found', () => {
  const mail = defineConsumer<object>({ name: 'mail', from: 'beginning' })
    .on(placed, () => undefined)
    .on(paid, () => undefined)
    .on(moved, () => undefined);
  expect(topicsOfOneKey(mail)).toEqual([['orders', 'payments']]);
});

it('one topic, several kinds of keys and failures are no finding', () => {
  const mail = defineConsumer<object>({ name: 'mail', from: 'beginning' })
    .on(placed, () => undefined)
    .on(byOrder('order.closed', 'orders'), () => undefined)
    .on(moved, () => undefined)
    .onFailure(paid, { of: 'payments' }, () => undefined);
  expect(topicsOfOneKey(mail)).toEqual([]);
});
