import { randomBytes } from 'node:crypto';
import { KIT_TYPES } from '@convergekit/contracts/engine';
import { defineEvent } from '@convergekit/contracts';
import type { Service } from '@convergekit/core';
import { consumerService, consumerRef, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, type Executor, migrate } from '@convergekit/postgres';
import { relay, relayMigrations } from '@convergekit/relay';
import { policyBook } from '@convergekit/resilience';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli, stopLeftovers } from '../../fixture/cli.ts';

/**
 * A wrong deployment of payments under orders, as a whole: writer, relays, Kafka, two consumers and the command line.
 */

const tag = randomBytes(4).toString('hex');
const names = { payments: `payments-${tag}`, orders: `orders-${tag}` };
const placed = defineEvent('order.placed', {
  version: 1,
  topic: `placed-${tag}`,
  key: ({ id }: { id: string }) => id,
  data: z.object({ id: z.string() }),
});
interface OrdersDb {
  orders: { id: string };
}
interface PaymentsDb {
  charge: { id: string };
}
/** So many failures may be compensated, and so long is the time for a fix, in milliseconds. */
const [LIMIT, AFTER_MS] = [5, 1_000];
const ORDERS = 60;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await stopLeftovers();
  for (const close of closers.splice(0).reverse()) await close();
});

async function open<DB>(table: string): Promise<{ readonly url: string; readonly database: Database<DB> }> {
  const url = await freshDatabase(inject('stack').databaseUrl, 'scene');
  const database = connect<DB>({ url });
  closers.push(() => database.close());
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  await database.executor.query(`create table ${table} (id text primary key)`);
  return { url, database };
}

it('N20, G5w: a wrong deployment of payments compensates at most its limit of orders; the others complete after the fix by one resume', async () => {
  const { brokers } = inject('stack');
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: `scene-${tag}` });
  closers.push(() => broker.close());
  const orders = await open<OrdersDb>('orders');
  const payments = await open<PaymentsDb>('charge');
  const admin = await broker.admin();
  for (const name of [placed.topic, ...Object.values(names).map((one) => `${one}.failures`)])
    await admin.createTopic({ name, partitions: 3 });
  await admin.close();
  const run = async (service: Service): Promise<Service> => {
    await service.start();
    closers.push(() => service.stop());
    return service;
  };
  const compensating = defineConsumer<OrdersDb>(names.orders, { from: 'first' }).onFailure(
    consumerRef(names.payments),
    placed,
    async ({ event }, { tx }) => {
      await tx.deleteFrom('orders').where('id', '=', event.data.id).execute();
    },
  );
  const policies = policyBook({ consumer: { giveUp: { afterMs: AFTER_MS, perHour: LIMIT } } });
  const deploy = (isWrong: boolean) => {
    const consumer = defineConsumer<PaymentsDb>(names.payments, { from: 'first' }).on(
      placed,
      async ({ data }, { tx }) => {
        await tx.insertInto('charge').values({ id: data.id }).execute();
        if (isWrong) throw new TypeError('tax is not a function');
      },
    );
    const parking = { systemic: { keys: 100, withinMs: 1_000 }, pollMs: 100 };
    return run(consumerService([consumer], { database: payments.database, broker, policies, parking }));
  };
  await run(relay({ database: orders.database, broker }));
  await run(relay({ database: payments.database, broker }));
  await run(consumerService([compensating], { database: orders.database, broker }));

  const outbox = createOutbox([placed]);
  const place = (from: number, to: number) =>
    outbox.transaction(orders.database.db, async ({ tx, emit }) => {
      for (let n = from; n < to; n += 1) {
        await tx
          .insertInto('orders')
          .values({ id: `o${n}` })
          .execute();
        emit(placed({ id: `o${n}` }));
      }
    });
  const ids = async (
    { executor }: { readonly executor: Executor },
    table: string,
  ): Promise<readonly string[]> => {
    const { rows } = await executor.query<{ id: string }>(`select id from ${table} order by id`);
    return rows.map(({ id }) => id);
  };
  const standing = () => ids(orders.database, 'orders');
  const paid = () => ids(payments.database, 'charge');
  const failureEvents = async () =>
    (
      await payments.database.executor.query('select from converge.outbox where type = $1', [
        KIT_TYPES.failure,
      ])
    ).rowCount;

  const right = await deploy(false);
  await place(0, 10);
  await waitUntil(async () => (await paid()).length === 10, { what: 'the first orders to be paid' });
  await right.stop();
  const wrong = await deploy(true);
  await place(10, ORDERS);
  const halts = async () =>
    (
      await payments.database.executor.query<{ code: string | null }>(
        'select distinct halted_code as code from converge.inbox_partition',
      )
    ).rows;
  await waitUntil(async () => JSON.stringify(await halts()) === '[{"code":"give_up_limit"}]', {
    what: 'all partitions of payments to pause',
    deadlineMs: 60_000,
  });
  await wrong.stop();
  expect(await failureEvents()).toBe(LIMIT);
  await deploy(false);
  const env = { DATABASE_URL: payments.url, KAFKA_BROKERS: brokers, LOG_LEVEL: 'silent' };
  const resume = ['consumers', 'resume', names.payments, '--reason', 'rolled back'];
  expect(await cli(resume, env)).toMatchObject({ code: 0 });

  await waitUntil(async () => (await paid()).length === ORDERS - LIMIT, {
    what: 'the other orders to be paid',
    deadlineMs: 60_000,
  });
  await waitUntil(async () => (await standing()).length === ORDERS - LIMIT, { what: 'the compensations' });
  // Both sides agree: no charge without an order, no order without a charge.
  expect(await standing()).toEqual(await paid());
  expect(await failureEvents()).toBe(LIMIT);
  const { rows } = await payments.database.executor.query(
    'select state, count(*)::int as events from converge.parked group by state',
  );
  expect(rows).toEqual([{ state: 'dead', events: LIMIT }]);
  const acts = await payments.database.executor.query('select distinct act from converge.audit');
  expect(acts.rows).toEqual([{ act: 'consumers resume' }]);
  // A retry of one that was compensated is refused, and the preview names the compensation.
  const retry = ['parked', 'retry', '--all', '--reason', 'x'];
  expect(await cli([...retry, '--yes'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('nothing is retried') as string,
  });
  const dry = await cli([...retry, '--dry-run', '--database', orders.url], env);
  expect(
    dry.stdout.match(/contradicts its failure event \S+: handler \S+ of orders-\S+ .* acted on it/g),
  ).toHaveLength(LIMIT);
});
