/**
 * Services of the order saga as they are written by hand: an outbox, a table of processed events, a relay that polls,
 * and kafkajs. No retries by policy, no parking, no order of compensations. Its input is JSON in the first argument.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type EachBatchPayload, Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { orderSchema } from '../order.ts';
import { readOrder } from '../rivals/http-body.ts';
import { providerAt } from '../stub/provider.ts';
import { applyBatch, applyEach, type Received } from './apply.ts';
import { emit, inTransaction, isNew, Relay } from './outbox.ts';
import { type EventType, reactionsOf, type Reactions, type ServiceName, topicsRead } from './reactions.ts';

/** The input of the process. */
export interface ByHandInput {
  /** The name of the run, the end of all topics and groups. */
  readonly run: string;
  /** The services of this process: one in layout B, all in layout A. */
  readonly services: readonly ServiceName[];
  readonly databaseUrl: string;
  readonly brokers: readonly string[];
  readonly providerUrl: string;
  readonly port: number;
  /** One statement for all events of a batch, in place of one transaction for each. */
  readonly isBatched: boolean;
}

const input = JSON.parse(process.argv[2] ?? '{}') as ByHandInput;
const topicIn = (name: ServiceName): string => `hand-${name}-${input.run}`;
const pool = new Pool({ connectionString: input.databaseUrl });
const kafka = new Kafka({ clientId: 'hand', brokers: [...input.brokers], logLevel: logLevel.ERROR });
const producer = kafka.producer({ allowAutoTopicCreation: false });
await producer.connect();
const relay = new Relay(pool, producer, topicIn);
void relay.run();

const reactions = reactionsOf(providerAt(input.providerUrl));
await Promise.all(input.services.map((name) => consume(name, reactions[name])));
createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
}).listen(input.port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));

/** Resolves when the consumer has its partitions. */
async function consume(name: ServiceName, own: Reactions): Promise<void> {
  const consumer = kafka.consumer({ groupId: topicIn(name) });
  const joined = Promise.withResolvers<undefined>();
  consumer.on(consumer.events.GROUP_JOIN, () => joined.resolve(undefined));
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) process.exit(1);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: topicsRead(own).map(topicIn), fromBeginning: true });
  const apply = input.isBatched ? applyBatch : applyEach;
  await consumer.run({
    partitionsConsumedConcurrently: 6,
    eachBatch: async (payload) => {
      const events = eventsOf(payload).filter(({ type }) => type in own);
      if (events.length > 0) await apply(pool, own, events, () => relay.wake());
      await payload.heartbeat();
    },
  });
  await joined.promise;
}

function eventsOf({ batch }: EachBatchPayload): readonly Received[] {
  return batch.messages.map(({ value, headers }) => ({
    id: String(headers?.['id']),
    // A type of another version is in no reaction, and left.
    type: String(headers?.['type']) as EventType,
    order: orderSchema.parse(JSON.parse(String(value))),
  }));
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET') {
    const order = await readOrder(request);
    await inTransaction(pool, async (client) => {
      if (await isNew(client, `request:${order.orderId}`)) await emit(client, 'order.placed', order);
    });
    relay.wake();
  }
  response.writeHead(request.method === 'GET' ? 200 : 201).end();
}
