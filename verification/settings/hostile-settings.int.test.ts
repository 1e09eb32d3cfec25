/** The core scenes under a role with hostile settings (`hostileDefaults`), directly and through PgBouncer. */
import { allMigrations } from '@convergekit/operate';
import { type ConsumerDefinition, consumerService, defineConsumer } from '@convergekit/inbox';
import { listParked } from '@convergekit/inbox/operate';
import type { DomainEvent } from '@convergekit/contracts';
import type { Broker } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { connect, type Database, executorOf, migrate } from '@convergekit/postgres';
import { defineReconciler, from, reconcilerService } from '@convergekit/reconcile';
import { type Relay, relay } from '@convergekit/relay';
import { ConvergeError, type Service } from '@convergekit/core';
import { callsOf, sagaObserver, sagaWorker } from '@convergekit/saga';
import { listInstances } from '@convergekit/saga/operate';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { type HostileRole, hostileRole } from '../../libs/testing/src/fixture/hostile-role.ts';
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { airline, bookTrip, hotel, mails, payments, tripAsked } from '../../docs/examples/saga.ts';
import { startPgbouncer } from '../../libs/cli/src/fixture/pgbouncer.ts';
import { counted, type Db, numbers, outbox, tables } from './scene.ts';

/** Closed after each test, the last first. */
const closers: (() => Promise<unknown>)[] = [];
let role: HostileRole;
let plain: Database; // without the hostile settings

beforeEach(async () => {
  const url = await freshDatabase(inject('stack').databaseUrl, 'hostile');
  role = await hostileRole(url);
  closers.push(() => role.drop());
  plain = connect({ url, max: 4 });
  closers.push(() => plain.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

describe.each([
  ['directly', false],
  ['through PgBouncer', true],
])('hostile settings, %s', (_way, pooled) => {
  const needs = { tags: pooled ? ['pgbouncer'] : [] };
  let database: Database<Db>;
  let broker: Broker;
  const errors: string[] = [];
  const noted = (_: object, text: string): number => errors.push(text);
  const log = { debug: () => undefined, info: () => undefined, warn: noted, error: noted };

  beforeEach(async () => {
    errors.length = 0;
    let { url } = role;
    if (pooled) {
      const pooler = await startPgbouncer(url);
      closers.push(() => pooler.stop());
      url = pooler.through(url);
    }
    database = connect<Db>({ url, max: 30, applicationName: 'hostile' });
    closers.push(() => database.close());
    await migrate(database, allMigrations);
    await plain.executor.query(tables);
    broker = memoryBroker();
    closers.push(() => broker.close());
  });

  const topics = async (names: readonly string[]): Promise<void> => {
    const admin = await broker.admin();
    for (const name of new Set(names)) await admin.createTopic({ name, partitions: 2 });
  };
  const running = async <S extends Service>(service: S): Promise<S> => {
    closers.push(() => service.stop());
    await service.start();
    return service;
  };
  const lead = (holder: string): Promise<Relay> => running(relay({ database, broker, log, holder }));
  const leading = (one: Relay): Promise<unknown> =>
    waitUntil(() => one.status().state === 'leading', { what: 'the relay to lead' });
  /** The server ends idle connections, perhaps one in use: a statement that is safe to repeat is repeated. */
  const unlessEnded = <T>(attempt: Promise<T>): Promise<T | undefined> =>
    attempt.catch((error: unknown) => {
      if (!/terminat|connection/i.test(String(error))) throw error;
      return undefined;
    });
  /** A request key makes the repetition safe. */
  const emit = (...events: readonly DomainEvent[]): Promise<unknown> =>
    waitUntil(
      () =>
        unlessEnded(
          outbox.transaction(
            database.db,
            { requestKey: `${events[0]?.key} ${events[0]?.payload}`, request: null },
            ({ emit: each }) => {
              for (const event of events) each(event);
              return Promise.resolve(true);
            },
          ),
        ),
      { what: 'the emit' },
    );
  const drained = (): Promise<unknown> =>
    waitUntil(
      async () => {
        const { rows } = await plain.executor.query<{ n: number }>(
          `select count(*)::int as n from converge.outbox o where not exists (
             select from converge.tick t join converge.relay_source s on t.number = s.done_tick where pg_visible_in_snapshot(o.xid, t.snapshot))`,
        );
        return rows[0]?.n === 0;
      },
      { what: 'every event to be published' },
    );
  const seen = async (): Promise<number[]> => {
    const { rows } = await plain.executor.query<{ n: number }>('select n from public.seen order by n');
    return rows.map(({ n }) => n);
  };

  it('N9, G1h: a relay publishes under hostile settings, and another one takes over', needs, async () => {
    await topics([counted.topic]);
    const first = await lead('first');
    await leading(first);
    await emit(...numbers(1, 50));
    await drained();
    // Longer than the server suffers an idle session.
    const idle = `select from pg_stat_activity where application_name = 'hostile' and now() - backend_start > interval '3 s'`;
    await waitUntil(async () => (await plain.executor.query(idle)).rowCount > 0, {
      what: 'a session of three seconds',
    });
    await emit(...numbers(51, 60));
    await drained();
    const { rows } = await plain.executor.query<{ term: number }>('select term::int from converge.lease');
    expect(rows).toEqual([{ term: 1 }]);
    expect(errors.filter((text) => !text.includes('replication factor'))).toEqual([]);
    const second = await lead('second');
    await first.stop();
    await leading(second);
    await emit(...numbers(61, 70));
    await drained();
    expect(second.status().published).toBe(10);
  });

  it('N9, G1h: a consumer under hostile settings applies, parks and dead-letters events', needs, async () => {
    const consumer: ConsumerDefinition<Db> = defineConsumer<Db>('counter', { from: 'first' }).on(
      counted,
      async ({ data }, { tx }) => {
        if (data.n === 3)
          throw new ConvergeError('refused for good', {
            code: 'BAD',
            category: 'data',
            certainty: 'not_applied',
          });
        await tx.insertInto('seen').values({ n: data.n }).execute();
      },
    );
    await topics([counted.topic, consumer.failureTopic]);
    await running(consumerService([consumer], { database, broker }));
    await leading(await lead('only'));
    await emit(...numbers(1, 20));
    const inState = async (state: 'dead' | 'waiting'): Promise<number | undefined> =>
      (await unlessEnded(listParked(database.executor, { states: [state] }, 10)))?.length;
    // The three events of the dead letter's key wait behind it.
    await waitUntil(async () => (await seen()).length === 16 && (await inState('waiting')) === 3, {
      what: 'the effects',
    });
    await waitUntil(async () => (await inState('dead')) === 1, { what: 'the dead letter' });
  });

  it('N9, G1h: a saga completes under hostile settings, and another one is compensated', needs, async () => {
    const account = new Map<string, number>();
    const bank = {
      take: (cents: number, key: string) => Promise.resolve(void account.set(key, -cents)),
      giveBack: (takeKey: string, key: string) =>
        Promise.resolve(void account.set(key, -(account.get(takeKey) ?? NaN))),
      knows: (key: string) => Promise.resolve(account.has(key)),
    };
    const consumers = [
      hotel(5),
      payments(bank),
      airline(1),
      mails(() => undefined),
      sagaObserver({ sagas: [bookTrip.declaration], from: 'first' }),
    ] as unknown as readonly ConsumerDefinition<Db>[];
    await topics(consumers.flatMap(({ topics: own, failureTopic }) => [...own, failureTopic]));
    // The worker first: a consumer with work for one does not start without.
    await running(sagaWorker<Db>(callsOf(...consumers), { database }));
    await running(consumerService(consumers, { database, broker }));
    await leading(await lead('only'));
    const ended = (state: string): Promise<unknown> =>
      waitUntil(
        async () =>
          (await unlessEnded(listInstances(database.executor, { limit: 10 })))?.filter(
            (one) => one.state === state,
          ).length === 1,
        { what: `a saga to be ${state}` },
      );
    await emit(tripAsked({ tripId: 'one', cents: 1 }));
    await ended('completed');
    await emit(tripAsked({ tripId: 'two', cents: 1 }));
    await ended('compensated');
  });

  it('N9, G1h: a reconciler repairs drift under hostile settings', needs, async () => {
    // Its reads are an application's, in an application's session: they depend on none of its settings themselves.
    const read = (table: string) => async (key: string, db: Kysely<Db>) =>
      (
        await executorOf(db).query<{ quantity: number }>(
          `select quantity from public.${table} where sku = $1`,
          [key],
        )
      ).rows[0]?.quantity ?? null;
    const reconciler = defineReconciler('stock', {
      keys: {
        async *scan({ desired }) {
          yield (await executorOf(desired).query<{ sku: string }>('select sku from public.wanted')).rows.map(
            ({ sku }) => sku,
          );
        },
      },
      desired: from<Db>('orders').read(read('wanted')),
      actual: from<Db>('stock').read(read('stock')),
      version: (quantity) => quantity,
      lock: () => [],
      compare: (desired, actual) => (desired === actual ? null : { quantity: desired ?? 0 }),
      repair: ({ quantity }, { tx, key }) =>
        tx.insertInto('stock').values({ sku: key, quantity }).executeTakeFirst(),
      mode: 'repair',
      schedule: '* * * * * *',
      limits: { repairs: 1_000, share: 1, always: 1_000, repairsPerKey: 1_000 },
      timing: { settleMs: 0, quietMs: 0, maxWaitMs: 0, backoff: { baseMs: 1, factor: 1, capMs: 1 } },
    });
    await plain.executor.query(`insert into public.wanted values ('a', 1), ('b', 2)`);
    await running(
      reconcilerService([reconciler], {
        databases: { orders: database, stock: database },
        log: log as never,
      }),
    );
    const stocked = 'select sku, quantity from public.stock order by sku';
    await waitUntil(async () => (await plain.executor.query(stocked)).rowCount === 2, { what: 'repairs' });
    expect((await plain.executor.query(stocked)).rows).toEqual([
      { sku: 'a', quantity: 1 },
      { sku: 'b', quantity: 2 },
    ]);
  });
});
