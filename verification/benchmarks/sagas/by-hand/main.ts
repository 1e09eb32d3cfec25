/**
 * Services of the order saga as they are written by hand: an outbox, a table of processed events, a relay that polls,
 * and kafkajs. No retries by policy, no parking, no order of compensations. Its input is JSON in the first argument.
 */
import { type EachBatchPayload, Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { type Order, orderSchema, type ServiceName } from '../order.ts';
import { serve } from '../rivals/serve.ts';
import { providerAt } from '../stub/provider.ts';
import { emit, inTransaction, isNew, startRelay } from './outbox.ts';
import { type EventType, reactionsOf, type Reactions, topicsRead } from './reactions.ts';

export interface ByHandInput {
  /** The name of the run, the end of all topics and groups. */
  readonly run: string;
  readonly service: ServiceName;
  readonly databaseUrl: string;
  readonly brokers: readonly string[];
  readonly providerUrl: string;
  readonly port: number;
}

const input = JSON.parse(process.argv[2] ?? '{}') as ByHandInput;
const topicIn = (name: ServiceName): string => `hand-${name}-${input.run}`;
const pool = new Pool({ connectionString: input.databaseUrl });
const kafka = new Kafka({ clientId: 'hand', brokers: [...input.brokers], logLevel: logLevel.ERROR });
const producer = kafka.producer({ allowAutoTopicCreation: false });
await producer.connect();
const wake = startRelay(pool, producer, topicIn);

await consume(reactionsOf(providerAt(input.providerUrl))[input.service]);
serve(input.port, async (body) => {
  const order = orderSchema.parse(body);
  await inTransaction(pool, async (client) => {
    if (await isNew(client, `request:${order.orderId}`)) await emit(client, 'order.placed', order);
  });
  wake();
  return { status: 201 };
});

/** Resolves when the consumer has its partitions. */
async function consume(own: Reactions): Promise<void> {
  const consumer = kafka.consumer({ groupId: topicIn(input.service) });
  const joined = Promise.withResolvers<undefined>();
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve(undefined));
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) process.exit(1);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: topicsRead(own).map(topicIn), fromBeginning: true });
  await consumer.run({
    partitionsConsumedConcurrently: 6,
    eachBatch: async (payload) => {
      const events = eventsOf(payload).filter(({ type }) => type in own);
      if (events.length > 0) await apply(own, events);
      await payload.heartbeat();
    },
  });
  await joined.promise;
}

interface Received {
  readonly id: string;
  readonly type: EventType;
  readonly order: Order;
}

function eventsOf({ batch }: EachBatchPayload): readonly Received[] {
  return batch.messages.map(({ value, headers }) => ({
    id: String(headers?.['id']),
    // A type of another version is in no reaction, and left.
    type: String(headers?.['type']) as EventType,
    order: orderSchema.parse(JSON.parse(String(value))),
  }));
}

/** Applies one event after the other: the call, then one transaction with dedup, row and event. */
async function apply(own: Reactions, events: readonly Received[]): Promise<void> {
  for (const { id, type, order } of events) {
    const { call, row, emits } = own[type]?.(order) ?? {};
    await call?.();
    await inTransaction(pool, async (client) => {
      if (!(await isNew(client, id))) return;
      if (row !== undefined) await client.query(...row);
      if (emits !== undefined) await emit(client, emits, order);
    });
    wake();
  }
}
