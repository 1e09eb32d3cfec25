/**
 * Tests that the case `inbox` compares equal work: with and without deduplication, each record is read once. Events
 * took effect twice without deduplication for one reason, which is the third test here: a consumer that watches its
 * partition rows finds them where they began.
 */
import { randomBytes } from 'node:crypto';
import { type ConsumerService, consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { memoryBroker } from '@convergekit/broker/testing';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relay, relayMigrations } from '@convergekit/relay';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { benchEvent } from './effect.ts';
import { EFFECT_TABLE, type EffectDb, insertOne } from './effect.ts';
import { withoutDedup } from './without-dedup.ts';

const EVENTS = 150;
const tag = randomBytes(4).toString('hex');
const event = benchEvent(`bench.${tag}`);
const closers: (() => unknown)[] = [];
let url: string;
let broker: ReturnType<typeof memoryBroker>;
let reader: Database<EffectDb>;

beforeEach(async () => {
  url = await freshDatabase(inject('stack').databaseUrl);
  broker = memoryBroker();
  closers.push(() => broker.close());
  const admin = await broker.admin();
  for (const name of [event.topic, 'one.failures']) await admin.createTopic({ name, partitions: 2 });
  reader = opened();
  await migrate(reader, [outboxMigrations, relayMigrations, inboxMigrations]);
  await reader.executor.query(EFFECT_TABLE);
  await createOutbox([event]).transaction(reader.db, ({ emit }) => {
    for (let n = 0; n < EVENTS; n += 1) emit(event({ n, filler: '' }));
    return Promise.resolve();
  });
  const sending = relay({ database: reader, broker });
  closers.push(() => sending.stop());
  await sending.start();
  const sent = async () => (await admin.logEnds(event.topic)).reduce((sum, { latest }) => sum + latest, 0n);
  await waitUntil(async () => (await sent()) >= BigInt(EVENTS), { what: 'the backlog' });
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function opened(): Database<EffectDb> {
  const database = connect<EffectDb>({ url });
  closers.push(() => database.close());
  return database;
}

/** Starts a consumer with slices of one event, so that its rows are watched many times while it works. */
async function consuming(database: Database<EffectDb>, watchMs: number): Promise<ConsumerService> {
  const consumer = defineConsumer<EffectDb>('one', { from: 'first' }).on(event, (one, { tx }) =>
    insertOne(tx, one),
  );
  const service = consumerService([consumer], { database, broker, sliceSize: 1, watchMs });
  closers.push(() => service.stop());
  await service.start();
  return service;
}

const counted = async () => {
  const { rows } = await reader.executor.query<{ effects: number; events: number; marks: number }>(
    `select count(*)::int as effects, count(distinct n)::int as events,
            (select count(*)::int from converge.inbox_watermark) as marks from effect`,
  );
  return rows[0];
};
const duplicates = (service: ConsumerService): number =>
  service.status()[0]?.partitions.reduce((sum, { counts }) => sum + counts.duplicates, 0) ?? -1;

it('with deduplication, a consumer whose rows are checked all the time reads no record twice', async () => {
  const service = await consuming(opened(), 1);
  await waitUntil(async () => (await counted())?.events === EVENTS, { what: 'all effects' });
  expect(duplicates(service)).toBe(0);
  await service.stop();
  expect(await counted()).toMatchObject({ effects: EVENTS, events: EVENTS, marks: 2 });
});

it('without deduplication, a consumer whose rows are not checked reads each record once too', async () => {
  const database = opened();
  closers.push(withoutDedup());
  const service = await consuming(database, 1_000_000);
  await waitUntil(async () => (await counted())?.events === EVENTS, { what: 'all effects' });
  await service.stop();
  expect(await counted()).toEqual({ effects: EVENTS, events: EVENTS, marks: 0 });
});

it('without deduplication, a consumer whose rows are checked mistakes its unmoved rows for a replay', async () => {
  const database = opened();
  closers.push(withoutDedup());
  const service = await consuming(database, 1);
  const repeated = async () => {
    const now = await counted();
    return now !== undefined && now.effects > now.events;
  };
  await waitUntil(repeated, { what: 'a second effect' });
  await service.stop();
});
