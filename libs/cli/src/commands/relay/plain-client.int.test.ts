import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { driverNames } from '@convergekit/kafka';
import { connect } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { type CloudEvent, Kafka as Binding } from 'cloudevents';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { startedCli, stopLeftovers } from '../../fixture/cli.ts';

/*
 * A consumer without the kit: kafkajs's public client, and the CloudEvents package for headers. (The package invents
 * missing fields: ids are compared with the database's.) Code that was removed once, and a test here failed: the header
 * ce_id.
 */
interface PlainMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, Buffer | undefined>>;
}

interface PlainConsumer {
  connect(): Promise<void>;
  subscribe(to: { topics: string[]; fromBeginning: boolean }): Promise<void>;
  run(config: { eachMessage: (arrived: { message: PlainMessage }) => Promise<void> }): Promise<void>;
  disconnect(): Promise<void>;
}

// The copy that @convergekit/kafka has: nothing else here needs one.
const { Kafka } = createRequire(new URL('../../../../kafka/package.json', import.meta.url))('kafkajs') as {
  Kafka: new (config: { clientId: string; brokers: string[]; logLevel: number }) => {
    consumer(config: { groupId: string }): PlainConsumer;
  };
};

const { brokers, databaseUrl } = inject('stack');
const orders = Array.from({ length: 40 }, (_, index) => ({ orderId: `o-${index % 4}`, step: index }));

afterAll(stopLeftovers);

describe.each(driverNames)('events that the relay publishes by %s', (driver) => {
  it('a plain kafkajs consumer uses events of the relay by their CloudEvents headers alone', async () => {
    const topic = `plain.orders.${randomBytes(4).toString('hex')}`;
    const url = await freshDatabase(databaseUrl, 'plain');
    const env = { DATABASE_URL: url, KAFKA_BROKERS: brokers, CONVERGE__KAFKA__DRIVER: driver };
    const converge = (...args: string[]) => startedCli(args, env);
    expect(await converge('migrate').ended).toMatchObject({ code: 0 });
    expect(await converge('topics', 'create', topic, '--partitions', '3').ended).toMatchObject({ code: 0 });
    const relay = converge('relay');
    const database = connect({ url });
    for (const order of orders)
      await database.executor.query('select converge.emit($1, $2, $3, $4)', [
        topic,
        order.orderId,
        'plain.order.moved',
        JSON.stringify(order),
      ]);
    const events = await consumed(topic, orders.length);
    expect(await relay.stop()).toMatchObject({ code: 0 });
    const { rows } = await database.executor.query<{ event_id: string }>(
      'select event_id from converge.outbox order by event_id',
    );
    await database.close();

    for (const event of events) event.validate();
    expect(events.map(({ id }) => id).sort()).toEqual(rows.map((row) => row.event_id));
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['plain.order.moved']));
    // The application's result: the last step of each order, in the order of its key.
    for (const orderId of ['o-0', 'o-1', 'o-2', 'o-3'])
      expect(events.filter(({ subject }) => subject === orderId).map(({ data }) => data)).toEqual(
        orders.filter((order) => order.orderId === orderId),
      );
  });
});

async function consumed(topic: string, count: number): Promise<readonly CloudEvent<unknown>[]> {
  const events: CloudEvent<unknown>[] = [];
  const client = new Kafka({ clientId: 'plain', brokers: brokers.split(','), logLevel: 0 });
  const consumer = client.consumer({ groupId: topic });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message }) => {
        events.push(eventOf(message));
        return Promise.resolve();
      },
    });
    await waitUntil(() => events.length >= count, { what: 'the events' });
  } finally {
    await consumer.disconnect();
  }
  return events;
}

/** The package wants text where the client gives bytes. */
function eventOf({ key, value, headers = {} }: PlainMessage): CloudEvent<unknown> {
  const text = Object.entries(headers).map(([name, bytes]) => [name, String(bytes)]);
  const message = {
    headers: Object.fromEntries(text) as object,
    key: String(key),
    value: String(value),
    body: '',
  };
  return Binding.toEvent(message as never) as CloudEvent<unknown>;
}
