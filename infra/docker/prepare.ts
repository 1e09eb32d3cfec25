/** Makes the shop's databases, tables, topics and first stock; safe to repeat. For docker-compose.yml. */
import { inboxMigrations } from '@convergekit/inbox';
import { failureTopic } from '@convergekit/contracts';
import { kafkaBroker } from '@convergekit/kafka';
import { nameSource } from '@convergekit/outbox/engine';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, migrate } from '@convergekit/postgres';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relayMigrations } from '@convergekit/relay';
import { sagaMigrations } from '@convergekit/effects';
import { shopEvents } from '@convergekit/schemas';
import { shopMigrations, type ShopService } from '../../services/shop/src/migrations.ts';

const kit = [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations, reconcileMigrations];
const services = Object.keys(shopMigrations) as ShopService[];
const consumers = [...services.filter((name) => name !== 'provider'), 'order-list'];
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

async function prepareDatabase(serverUrl: string, name: ShopService): Promise<void> {
  const server = connect({ url: serverUrl, max: 1 });
  const { rows } = await server.executor.query('select 1 from pg_database where datname = $1', [name]);
  if (rows.length === 0) await server.executor.query(`create database "${name}"`);
  await server.close();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const database = connect({ url: url.href, max: 2 });
  const applied = await migrate(database, [...(name === 'provider' ? [] : kit), ...shopMigrations[name]]);
  if (name !== 'provider') await nameSource(database.executor, name);
  if (name === 'inventory')
    await database.executor.query(
      `insert into stock (sku, initial, on_hand) select 'article-' || n, 1000, 1000 from generate_series(1, 20) as n
         on conflict do nothing`,
    );
  await database.close();
  say(`${name}: ${applied.length} migrations applied`);
}

async function prepareTopics(brokers: readonly string[]): Promise<void> {
  const broker = kafkaBroker({ brokers, clientId: 'prepare' });
  try {
    const admin = await broker.admin();
    const topics = new Set([...shopEvents.map(({ topic }) => topic), ...consumers.map(failureTopic)]);
    for (const name of topics)
      say(`${name}: ${(await admin.createTopic({ name, partitions: 6 })) ? 'made' : 'is there'}`);
  } finally {
    await broker.close();
  }
}

const serverUrl = required('DATABASE_URL');
for (const name of services) await prepareDatabase(serverUrl, name);
await prepareTopics(required('KAFKA_BROKERS').split(','));
