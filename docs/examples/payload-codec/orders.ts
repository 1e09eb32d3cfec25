import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import { type Broker, confluentCodec, withCodec } from 'convergekit/kafka';
import { defineConsumer } from 'convergekit';
import { type Order, orderPlaced } from '../order-placed.ts';

export const billing = defineConsumer<{ bills: Order }>('billing', { from: 'first' }).on(
  orderPlaced,
  async ({ data }, { tx }) => {
    await tx.insertInto('bills').values(data).execute();
  },
);

/** The broker of every process that writes or reads the topic: `relay({ broker })`, `consumerService([…], { broker })`. */
export const brokerWithRegistry = (broker: Broker, host: string): Broker =>
  withCodec(broker, confluentCodec(new SchemaRegistry({ host })));
