import { defineEvent, type ReceivedEvent } from '@convergekit/contracts';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { Emitted } from './emitted.ts';

it('what a handler emits keeps the digests of its fields to search by', () => {
  const shipped = defineEvent('order.shipped', {
    topic: 'orders',
    key: ({ order }) => order,
    data: z.object({ order: z.string() }),
    search: ['order'],
  });
  const emitted = new Emitted('shipping');
  const event = shipped({ order: 'o-1' });
  emitted.add('order.placed', event, {
    id: '1',
    source: 'shop',
    correlationId: '1',
    hops: 0,
  } as ReceivedEvent);
  expect(emitted.events).toMatchObject([{ key: 'o-1', search: event.search }]);
});
