import type { Broker } from '@convergekit/broker';
import { localBroker } from '@convergekit/local';
import { connect, type Database } from '@convergekit/postgres';
import { manualClock, type ManualClock, waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';
import { DEFER_MS } from '../slice/deferral.ts';
import { PastDatabase } from '../fixture/past-database.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { inPlace, makeTopics } from '../testing/quick.ts';

/**
 * A database that goes back together with its log, as after a failover to a standby that lacked commits, while a consumer lives
 * on and is ahead of both in memory. Planted fault, seen to fail here: a fence that does not compare the server.
 */
const { counted, priced } = testEvents('orders');
const effects = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => counted({ key: 'k', n: from + at }));
const skipped = Array.from({ length: 5 }, (_, n) => priced({ key: 'k', n }));

let database: Database<LedgerDb>;
let server: PastDatabase;
let broker: Broker;
let clock: ManualClock;
let service: ConsumerService;
let source: FixtureSource;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  const made = await ledgerDatabase(inject('stack').databaseUrl);
  database = made.database;
  server = await PastDatabase.of(made.url);
  const through = connect<LedgerDb>({ url: server.url });
  broker = localBroker({ url: server.url, clientId: 'went-back' });
  clock = manualClock();
  source = new FixtureSource({ partitions: 1 });
  await makeTopics(broker, ['orders', 'stock.failures'], 1);
  const consumer = defineConsumer<LedgerDb>('stock', { from: 'first' }).on(counted, (event, { tx }) =>
    note(tx, event),
  );
  const more = { policies: inPlace(), sessionTimeoutMs: 60_000 };
  service = consumerService([consumer], { database: through, broker, clock, ...more });
  closers.push(
    () => database.close(),
    () => server.close(),
    () => through.close(),
    () => broker.close(),
    () => service.stop(),
  );
  await service.start();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const partition = () => service.status()[0]?.partitions[0];
const at = (offset: bigint) =>
  waitUntil(() => partition()?.nextOffset === offset, { what: `offset ${offset}` });
const applied = async () => (await lines(database)).map(({ n }) => n);

/** Leaves a copy of the database behind whose next five events the consumer skips, and has not saved. */
async function aheadOf(): Promise<{ past: string; source: FixtureSource }> {
  await source.publish(broker, effects(0, 2));
  await at(2n);
  const past = await server.copy();
  const then = source.copy();
  await source.publish(broker, skipped);
  await at(7n);
  return { past, source: then };
}

it('G3b: a consumer whose database and log went back together continues with what both have, and what it had skipped beyond is not saved', async () => {
  const { past, source: then } = await aheadOf();
  await server.goBack(past);
  await at(2n);
  expect(partition()).toMatchObject({ state: 'running', nextOffset: 2n });
  await then.publish(broker, effects(2, 12));
  await at(12n);
  expect(await applied()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

it('G3b: a log that went back with the database and has grown beyond the position in memory is read from where it went back', async () => {
  const { past, source: then } = await aheadOf();
  const elsewhere = localBroker({ url: past, clientId: 'went-back-past' });
  await then.publish(elsewhere, effects(2, 12));
  await elsewhere.close();
  await server.goBack(past);
  await waitUntil(
    async () => {
      await clock.advance(DEFER_MS);
      return partition()?.nextOffset === 12n;
    },
    { what: 'the end of the log' },
  );
  await waitUntil(async () => (await applied()).length >= 12, { what: 'the effects' });
  expect(await applied()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});
