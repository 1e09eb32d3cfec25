import { randomUUID } from 'node:crypto';
import {
  type ConsumerDefinition,
  consumerService,
  defineConsumer,
  inboxMigrations,
} from '@convergekit/inbox';
import type { Broker } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import type { Service } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { makeTopics } from '@convergekit/inbox/testing';
import { defineCall, sagaMigrations, sagaWorker } from '@convergekit/saga';
import { migratedDatabase } from '@convergekit/testing/engine';
import { asked, halfConsumers, type RoomDb, roomTables, Wrongs } from '../fixture/half-done-saga.ts';
import { Pump } from '../fixture/pump.ts';
import { callsOf } from './calls/calls-of.ts';

let broker: Broker;
let database: Database<RoomDb>;
const stops: (() => Promise<void>)[] = [];
const [rooms, money] = halfConsumers(new Wrongs());

beforeEach(async () => {
  broker = memoryBroker();
  ({ database } = await migratedDatabase<RoomDb>(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'missing' },
  ));
  await database.executor.query(roomTables);
  const topics = [rooms!, money!].flatMap(({ topics: own, failureTopic }) => [...own, failureTopic]);
  await makeTopics(broker, [...new Set([...topics, 'asker.failures'])], 1);
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
  await broker.close();
  await database.close();
});

async function startWorker(...consumers: readonly ConsumerDefinition<RoomDb>[]): Promise<void> {
  const worker = sagaWorker<RoomDb>(callsOf(...consumers), { database, pollMs: 10 });
  stops.push(() => worker.stop());
  await worker.start();
}

function serviceOf(consumer: ConsumerDefinition<RoomDb>): Service {
  const service = consumerService([consumer], { database, broker });
  stops.push(() => service.stop());
  return service;
}

async function start(consumer: ConsumerDefinition<RoomDb>): Promise<string> {
  const service = serviceOf(consumer);
  return service.start().then(
    () => 'started',
    (error: unknown) => String(error),
  );
}

// Planted fault: without `checkWorkers` the consumer starts, and its intents wait for ever.
it('N4, G6f: a consumer with saga steps does not start without a worker, and names the work that would wait', async () => {
  expect(await start(money!)).toContain(
    'consumer money cannot start: it needs a saga worker for half.pay.apply, half.pay.compensate, and this database has none',
  );
  expect(await start(rooms!)).toContain('half.hold.compensate');
  await startWorker(money!);
  expect(await start(money!)).toBe('started');
  expect(await start(rooms!)).toContain('half.hold.compensate');
});

// Planted fault: a row of a worker that was taken out of service long ago lets the consumer start.
it('a worker that has not been seen for ten minutes counts as missing', async () => {
  await startWorker(money!);
  await stops.pop()?.();
  await database.executor.query(`update converge.saga_worker set seen_at = seen_at - interval '11 minutes'`);
  expect(await start(money!)).toContain('it needs a saga worker for half.pay.apply');
});

function pinging(sent: string[]) {
  return defineCall('test.ping', {
    idempotency: 'idempotent',
    input: z.object({ key: z.string() }),
    result: z.null(),
    call: ({ key }) => Promise.resolve(void sent.push(key)).then(() => null),
  }).onOutcome<RoomDb>({ succeeded: () => undefined, failed: () => undefined });
}

async function ask(): Promise<void> {
  const pump = new Pump(database, broker);
  stops.push(() => pump.stop());
  pump.start();
  const { type, version, topic, key, payload } = asked({ key: 'k' });
  await createOutbox([]).append(database.executor, [
    { id: randomUUID(), type, version, topic, key, payload },
  ]);
}

it('G6f: a consumer that declares a call starts where a worker makes it, and is refused by name where none does', async () => {
  const sent: string[] = [];
  const ping = pinging(sent);
  const asker = defineConsumer<RoomDb>('asker', { from: 'first' })
    .calls(ping)
    .on(asked, async (event, { call }) => {
      await call(ping, event.data);
    });
  expect(await start(asker)).toContain('consumer asker cannot start: it needs a saga worker for test.ping,');
  await startWorker(asker);
  expect(await start(asker)).toBe('started');
  await ask();
  await waitUntil(() => Promise.resolve(sent.length > 0), { what: 'the call' });
  expect(sent).toEqual(['k']);
});

// Planted fault: an insert that does not look for the worker writes an intent that no worker ever finds.
it('a handler that requests a call which no consumer declares stops its consumer with the remedy, and writes nothing', async () => {
  const ping = pinging([]);
  const asker = defineConsumer<RoomDb>('asker', { from: 'first' }).on(asked, async (event, { call }) => {
    await call(ping as never, event.data as never);
  });
  const service = serviceOf(asker);
  await service.start();
  await ask();
  await expect(service.done).rejects.toThrow(
    /no worker in this database makes the call test\.ping, so it would wait for ever: declare it .*defineConsumer\(…\)\.calls\(…\)/,
  );
  expect((await database.executor.query('select from converge.saga_work')).rows).toEqual([]);
});
