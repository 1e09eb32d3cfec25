import type { Broker } from 'convergekit/kafka';
import { consumerService } from 'convergekit/process';
import { consumerRef, type Database, defineConsumer } from 'convergekit';
import { charged, declined, ordered, type ShopDb } from './shop.ts';

export const billing = defineConsumer<ShopDb>('billing', { from: 'first' })
  .on(ordered, ({ data }, { emit }) => {
    // Rows written through the context's `tx`, and emitted events, commit together with the position of the consumer.
    if (data.cents > 100_000) emit(declined({ order: data.order, code: 'LIMIT' }));
    else emit(charged({ order: data.order, receipt: 'r-1' }));
  })
  // Compensation: called when the consumer `shipping` gave up one of its events.
  .onFailure(consumerRef('shipping'), charged, ({ event }, { emit }) =>
    emit(declined({ order: event.data.order, code: 'NOT_SHIPPED' })),
  );

/** The consumer with its drain. `defineService()` of convergekit runs it as a process, with the workers that it needs. */
export const consumers = (database: Database<ShopDb>, broker: Broker) =>
  consumerService([billing], { database, broker });
