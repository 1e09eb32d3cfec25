/**
 * A consumer's disk is restored, with everything real: its source, its relay, a consumer downstream. Planted fault:
 * with ids of emitted events by chance (`Emitted.add`), what was named is not what comes again here.
 */
import { randomBytes } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { type ConsumerService, consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { nameSource } from '@convergekit/outbox/engine';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { type Relay, relay, relayMigrations } from '@convergekit/relay';
import { rebaseSource } from '@convergekit/relay/operate';
import { embeddedPostgres } from '@convergekit/testing/engine';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, test } from 'vitest';
import { z } from 'zod';
import { run } from '../../programs.ts';
import { dataFolder, quick, refusal, silence, undoing } from '../fixture/drill.ts';

const { closing } = undoing();

const tag = randomBytes(4).toString('hex');
const data = z.object({ key: z.string(), n: z.int() });
const event = (name: string) =>
  defineEvent(`drill.${name}`, {
    version: 1,
    topic: `drill.${name}.${tag}`,
    key: ({ key }: { key: string; n: number }) => key,
    data,
  });
const placed = event('placed');
const reserved = event('reserved');
const outbox = createOutbox([placed]);

interface Effects {
  effect: { line?: number; event_id: string; n: number };
}
interface Effect {
  readonly id: string;
  readonly n: number;
}
const effectsSql =
  'create table effect (line bigint generated always as identity, event_id text not null, n int not null)';
const effects = async ({ executor }: Database<Effects>): Promise<readonly Effect[]> =>
  (await executor.query<Effect>('select event_id as id, n from effect order by line')).rows;
const reached = (database: Database<Effects>, count: number) =>
  waitUntil(async () => (await effects(database)).length >= count, { what: `${count} effects` });
const upTo = (to: number) => Array.from({ length: to }, (_, n) => n);
const numbers = async (database: Database<Effects>) =>
  (await effects(database)).map(({ n }) => n).toSorted((a, b) => a - b);

test('G3h: a restored consumer database gets every effect again and none twice, and its repeated events are named before they are sent', async () => {
  const broker = closing(
    kafkaBroker({ brokers: inject('stack').brokers.split(','), clientId: `drill-${tag}` }),
    (one) => one.close(),
  );
  const admin = await broker.admin();
  for (const name of [placed.topic, reserved.topic, `stock-${tag}.failures`, `mail-${tag}.failures`])
    await admin.createTopic({ name, partitions: 2 });

  const started = async <S extends ConsumerService | Relay>(service: S): Promise<S> => {
    closing(service, (one) => one.stop());
    await service.start();
    return service;
  };
  const open = async <DB>(url: string, name: string, sql?: string): Promise<Database<DB>> => {
    const database = closing(connect<DB>({ url, onIdleError: silence }), (one) => one.close());
    if (sql === undefined) return database;
    await migrate(database, [outboxMigrations, inboxMigrations, relayMigrations]);
    await database.executor.query(sql);
    await nameSource(database.executor, name);
    return database;
  };
  const shared = inject('stack').databaseUrl;
  const ordersUrl = await freshDatabase(shared, 'orders');
  const orders = await open(ordersUrl, 'orders', 'select 1');
  const mail = await open<Effects>(await freshDatabase(shared, 'mail'), 'mail', effectsSql);
  const server = closing(await embeddedPostgres(), (one) => one.dispose());
  await server.start();
  const url = await freshDatabase(server.address, 'stock');
  let stock = await open<Effects>(url, 'stock', effectsSql);

  const apply = defineConsumer<Effects>(`stock-${tag}`, { from: 'first' }).on(
    placed,
    async ({ id, data: { key, n } }, { tx, emit }) => {
      await tx.insertInto('effect').values({ event_id: id, n }).execute();
      emit(reserved({ key, n }));
    },
  );
  const notify = defineConsumer<Effects>(`mail-${tag}`, { from: 'first' }).on(
    reserved,
    async ({ id, data: { n } }, { tx }) => {
      await tx.insertInto('effect').values({ event_id: id, n }).execute();
    },
  );
  const consume = () => started(consumerService([apply], { database: stock, broker }));
  const send = async (from: string) => started(relay({ database: await open(from, ''), broker, ...quick }));
  const place = (from: number, to: number) =>
    outbox.append(
      orders.executor,
      upTo(to - from).map((n) => placed({ key: `k${(from + n) % 7}`, n: from + n })),
    );
  await send(ordersUrl);
  await started(consumerService([notify], { database: mail, broker }));
  let [consumer, sending] = [await consume(), await send(url)];
  const down = async (): Promise<void> => {
    await consumer.stop();
    await sending.stop();
    await stock.close();
    await server.stop();
  };
  const folder = await dataFolder(stock);

  await place(0, 100);
  await reached(mail, 100);
  await down();
  await run('cp', ['-a', folder, `${folder}.copy`]);
  await server.start();
  stock = await open<Effects>(url, 'stock');
  [consumer, sending] = [await consume(), await send(url)];
  await place(100, 160);
  await reached(mail, 160);
  const before = await effects(mail);
  await down();
  await run('rm', ['-rf', folder]);
  await run('mv', [`${folder}.copy`, folder]);
  await server.start();
  stock = await open<Effects>(url, 'stock');
  expect(await numbers(stock)).toEqual(upTo(100));

  // The drill: rebase the restored outbox, which names the published events it lost, then let the service work.
  sending = await send(url);
  await refusal(sending, 'database_went_back');
  const { phantoms } = await rebaseSource({
    by: 'ada',
    database: await open(url, ''),
    broker,
    reason: 'disk put back',
  });
  const lost = before.filter(({ n }) => n >= 100).map(({ id }) => id);
  expect(phantoms.map(({ eventId }) => eventId).toSorted()).toEqual(lost.toSorted());
  consumer = await consume();
  await place(160, 180);
  await reached(stock, 180);
  expect(await numbers(stock)).toEqual(upTo(180));

  // The named events come a second time downstream, under the same ids; no other event does.
  await reached(mail, 180 + lost.length);
  const found = await effects(mail);
  const twice = [...Map.groupBy(found, ({ id }) => id)].filter(([, lines]) => lines.length > 1);
  expect(twice.map(([id, lines]) => [id, lines.length])).toEqual(lost.map((id) => [id, 2]));
  expect(new Set(found.map(({ n }) => n)).size).toBe(180);
  expect(consumer.status()[0]!.partitions.map(({ state }) => state)).toEqual(['running', 'running']);
});
