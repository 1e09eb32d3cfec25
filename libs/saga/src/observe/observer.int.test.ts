import type { DomainEvent } from '@convergekit/contracts';
import { WIRE } from '@convergekit/contracts/engine';
import { consumerService, inboxMigrations } from '@convergekit/inbox';
import { memoryBroker } from '@convergekit/broker/testing';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { stressService } from '@convergekit/core/service-stress';
import { FixtureSource, sendRecords, makeTopics } from '@convergekit/inbox/testing';
import { startTelemetry } from '@convergekit/telemetry/sdk';
import {
  confirmed,
  declined,
  handed,
  placed,
  placeOrder,
  refunded,
  rejected,
  released,
  reserved,
} from '../fixture/sagas.ts';
import { sagaMigrations } from '@convergekit/saga';
import { migratedDatabase } from '@convergekit/testing/engine';
import { listInstances, readInstance } from './instance-sql.ts';
import { sagaObserver } from './observer.ts';
import { sagaWatch } from './watch.ts';

const telemetry = startTelemetry({ serviceName: 'test' });
const broker = memoryBroker();
const source = new FixtureSource({ partitions: 1 });
let database: Database;
let service: ReturnType<typeof consumerService>;

beforeAll(async () => {
  ({ database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'observer', max: 10 },
  ));
  const observer = sagaObserver({ sagas: [placeOrder.declaration], graceMs: 0 });
  await makeTopics(broker, [...observer.topics, observer.failureTopic], 1);
  service = consumerService([observer], { database, broker });
  await service.start();
});
afterAll(async () => {
  await service.stop();
  await broker.close();
  await database.close();
  await telemetry.shutdown();
});

/** Publishes an event as a step of this instance emits it; the start has no saga reference yet. */
async function publish(event: DomainEvent, instance: string, minutes = 0): Promise<void> {
  const starts = event.type === placed.type;
  const { record, ...place } = source.record(event, starts ? instance : undefined);
  const at = new Date(Date.now() + minutes * 60_000).toISOString();
  const own: [string, string][] = record.headers.map(([name, value]) =>
    name === WIRE.time ? [name, at] : [name, value],
  );
  const sagaHeader: [string, string][] = starts ? [] : [[WIRE.saga, `test.place-order/1/${instance}`]];
  await sendRecords(broker, [{ ...place, record: { ...record, headers: [...own, ...sagaHeader] } }]);
}

const started = (id: string, instance: string, minutes = 0) =>
  publish(placed({ id, cents: 1 }), instance, minutes);

async function until(instance: string, state: string): Promise<void> {
  await waitUntil(
    async () =>
      (await listInstances(database.executor, { limit: 100 })).some(
        (one) => one.instance === instance && one.state === state,
      ),
    { what: `${instance} to be ${state}` },
  );
}

it('an observer follows an instance to its end, whichever event it reads first', async () => {
  await publish(released({ id: 'a', back: 1 }), 'i-a', 3);
  await until('i-a', 'compensated');
  await publish(refunded({ id: 'a', refund: 'r' }), 'i-a', 2);
  await publish(rejected({ id: 'b', missing: 1 }), 'i-b', 1);
  await started('b', 'i-b');
  await started('a', 'i-a');
  await until('i-b', 'compensated');
  await publish(handed({ id: 'c', parcel: 'p' }), 'i-c');
  await until('i-c', 'running');
  const { facts, startedAt, reason } = (await readInstance(database.executor, 'i-a'))!;
  expect([Object.keys(facts.steps).sort(), startedAt === null, reason]).toEqual([
    ['pay', 'reserve'],
    false,
    'pay was undone',
  ]);
  expect(await readInstance(database.executor, 'i-z')).toBeUndefined();
});

it('an observer marks an overdue instance as expired once, and still records its end when it comes', async () => {
  const alarms: object[] = [];
  const log = { error: (line: object) => void alarms.push(line) } as never;
  const watch = sagaWatch({ database, pollMs: 10, log });
  await started('d', 'i-d', -60);
  await until('i-d', 'running');
  await watch.start();
  await until('i-d', 'expired');
  await publish(reserved({ id: 'd', shelf: 's' }), 'i-d');
  await publish(rejected({ id: 'd', missing: 1 }), 'i-d', 1);
  await until('i-d', 'compensated');
  await watch.stop();
  expect(alarms).toMatchObject([{ alarm: 'saga_expired', instance: 'i-d' }]);
  const late = await listInstances(database.executor, { states: ['compensated'], key: 'd', limit: 9 });
  expect(late).toMatchObject([{ instance: 'i-d', saga: 'test.place-order' }]);
  expect(late[0]?.expiredAt).toBeInstanceOf(Date);
});

// Planted fault: with an end recorded at each later event of the saga, two compensated ones are counted here.
it('an observer counts a saga that ended once, and times it from its first failure to its end', async () => {
  const scraped = async (metric: string) =>
    (await telemetry.scrape()).body
      .split('\n')
      .filter((line) => line.startsWith(`${metric}{`))
      .map((line) => [/converge_state="(\w+)"/.exec(line)?.[1], Number(line.split(' ').at(-1))]);
  const before = new Map((await scraped('converge_saga_ended_total')) as [string, number][]);
  const recoveredBefore = new Map(
    (await scraped('converge_saga_recovery_seconds_sum')) as [string, number][],
  );
  await started('m', 'i-m');
  await publish(declined({ id: 'm', code: 'no' }), 'i-m', 1);
  await publish(released({ id: 'm', back: 1 }), 'i-m', 3);
  await until('i-m', 'compensated');
  // A fact that comes late does not end it again.
  await publish(reserved({ id: 'm', shelf: 's' }), 'i-m');
  await publish(confirmed({ id: 'n', at: 'now' }), 'i-n');
  await until('i-n', 'completed');
  const ended = new Map((await scraped('converge_saga_ended_total')) as [string, number][]);
  const since = (state: string): number => (ended.get(state) ?? 0) - (before.get(state) ?? 0);
  expect([since('compensated'), since('completed')]).toEqual([1, 1]);
  const recovered = new Map((await scraped('converge_saga_recovery_seconds_sum')) as [string, number][]);
  expect((recovered.get('compensated') ?? 0) - (recoveredBefore.get('compensated') ?? 0)).toBeCloseTo(120, 0);
  expect(recovered.has('completed')).toBe(false);
});

it('a saga watch does not start with an invalid setting', () => {
  expect(() => sagaWatch({ database, pollMs: 0 })).toThrow('pollMs is 0, but must be a whole number');
});

it('a saga watch starts and stops in any order', async () => {
  await stressService({ make: () => sagaWatch({ database, pollMs: 5 }), rounds: 12 });
});
