import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import type { Broker } from '@convergekit/broker';
import { confluentCodec, withCodec } from '@convergekit/broker/payload';
import { createOutbox, defineConsumer, defineEvent } from 'convergekit';
import { z } from 'zod';

const order = z.object({ id: z.string(), cents: z.int().positive() });
type Order = z.infer<typeof order>;

export const orderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  topic: 'orders',
  key: ({ id }) => id,
  data: order,
});
export const outbox = createOutbox([orderPlaced]);

export const billing = defineConsumer<{ bills: Order }>({ name: 'billing', from: 'beginning' }).on(
  orderPlaced,
  async ({ data }, { tx }) => {
    await tx.insertInto('bills').values(data).execute();
  },
);

/** The broker of every process that writes or reads the topic: `relay({ broker })`, `consumerService([…], { broker })`. */
export const brokerWithRegistry = (broker: Broker, host: string): Broker =>
  withCodec(broker, confluentCodec(new SchemaRegistry({ host })));
