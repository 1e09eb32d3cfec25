import type { Broker } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { connect, type Database, executorOf } from '@convergekit/postgres';
import { faultProxy, waitUntil } from '@convergekit/testing';
import type { Transaction } from 'kysely';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { inPlace, makeTopics } from '../testing/quick.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';

const { counted } = testEvents('orders');
const some = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => counted({ key: 'k', n: from + n }));

describe('an outage of the consumer’s own database', () => {
  let broker: Broker;
  let direct: Database<LedgerDb>;
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    broker = memoryBroker();
    await makeTopics(broker, ['orders', 'stock.failures'], 1);
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
    await broker.close();
  });

  async function through(
    inHandler: (tx: Transaction<LedgerDb>) => Promise<void> = () => Promise.resolve(),
  ): Promise<{
    service: ConsumerService;
    proxy: Awaited<ReturnType<typeof faultProxy>>;
  }> {
    const made = await ledgerDatabase(inject('stack').databaseUrl);
    direct = made.database;
    const url = new URL(made.url);
    const proxy = await faultProxy({ target: `${url.hostname}:${url.port}` });
    const proxied = new URL(url);
    proxied.hostname = '127.0.0.1';
    proxied.port = String(proxy.port);
    const database = connect<LedgerDb>({ url: proxied.href, connectTimeoutMs: 1_000, silenceMs: 200 });
    const consumer = defineConsumer<LedgerDb>('stock', { from: 'first' }).on(
      counted,
      async (event, { tx }) => {
        await inHandler(tx);
        await note(tx, event);
      },
    );
    const service = consumerService([consumer], {
      database,
      broker,
      policies: inPlace({ attempts: 1 }),
      // The watch of partition rows would notice the change, too: here the waiting member must notice it.
      watchMs: 2_147_483_647,
    });
    await service.start();
    closers.push(
      () => direct.close(),
      () => proxy.close(),
      () => database.close(),
      () => service.stop(),
      () => Promise.resolve(proxy.restore()),
    );
    return { service, proxy };
  }

  // Planted fault: with a pool that does not look for lost answers (`silenceMs: 0`), the rest never comes here.
  it('G5q: a network that silences the connections to the database holds no partition up, and every event is applied once', async () => {
    const { proxy } = await through();
    const source = new FixtureSource({ partitions: 1 });
    await source.publish(broker, some(0, 50));
    await waitUntil(async () => (await lines(direct)).length === 50, { what: 'the first 50' });
    proxy.silence();
    await source.publish(broker, some(50, 100));
    await waitUntil(async () => (await lines(direct)).length >= 100, { what: 'the rest' });
    expect((await lines(direct)).map(({ n }) => n)).toEqual(some(0, 100).map((_, n) => n));
  });

  // Planted fault: without the reload after an outage, the consumer never learns here that its commit was done.
  it('an outage that swallows the answer to a commit is resolved by the fence', async () => {
    const { service, proxy } = await through();
    await direct.executor.query(
      `create function dawdle() returns trigger language plpgsql as 'begin perform pg_sleep(0.5); return null; end'`,
    );
    await direct.executor.query(
      'create constraint trigger dawdle after insert on ledger deferrable initially deferred for each row execute function dawdle()',
    );
    const source = new FixtureSource({ partitions: 1 });
    await source.publish(broker, some(0, 1));
    // The transactions of the consumer end with the same statement: the chosen one sleeps in its trigger.
    const committing = `select from pg_stat_activity where query = 'commit' and wait_event = 'PgSleep' and datname = current_database()`;
    await waitUntil(async () => (await direct.executor.query(committing)).rowCount === 1, {
      what: 'a commit',
      everyMs: 1,
    });
    proxy.dropReplies();
    await waitUntil(async () => (await lines(direct)).length === 1, { what: 'the commit to be done' });
    expect(service.status()[0]!.partitions[0]!.nextOffset).toBe(0n);
    proxy.restore();
    await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 1n, {
      what: 'the consumer to learn of it',
    });
    await source.publish(broker, some(1, 2));
    await waitUntil(async () => (await lines(direct)).length > 1, { what: 'the next event' });
    expect((await lines(direct)).map(({ n }) => n)).toEqual([0, 1]);
  });

  // Planted fault: with a lost connection taken for the handler's error, the event gets a dead letter here.
  it('an outage in the middle of a handler counts no attempt', async () => {
    let left = 4;
    const { service } = await through(async (tx) => {
      if (left-- <= 0) return;
      const { rows } = await executorOf(tx).query<{ pid: number }>('select pg_backend_pid() as pid');
      await direct.executor.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    });
    await new FixtureSource({ partitions: 1 }).publish(broker, some(0, 1));
    await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 1n, {
      what: 'the event to be settled',
    });
    expect(await lines(direct)).toMatchObject([{ n: 0 }]);
    expect(left).toBe(-1);
    expect((await direct.executor.query('select from converge.parked')).rows).toEqual([]);
  });
});
