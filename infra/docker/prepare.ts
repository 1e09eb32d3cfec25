/** Makes the shop's databases, tables, logins, topics and first stock; safe to repeat. For docker-compose.yml. */
import { allMigrations } from '@convergekit/operate';
import { failureTopic } from '@convergekit/contracts';
import { kafkaBroker } from '@convergekit/kafka';
import { nameSource } from '@convergekit/outbox/engine';
import { connect, migrate } from '@convergekit/postgres';
import { shopEvents } from '@convergekit/schemas';
import { shopMigrations, type ShopService } from '../../services/shop/src/migrations.ts';
import { makeDatabase, makeLogin, makeRoles } from './login-sql.ts';
import { shopLogins } from './logins.ts';
import { fillStock } from './stock-sql.ts';

const services = Object.keys(shopMigrations) as ShopService[];
const consumers = [...services.filter((name) => name !== 'provider'), 'order-list', 'saga-observer'];
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

async function prepareDatabase(serverUrl: string, name: ShopService, password: string): Promise<void> {
  const server = connect({ url: serverUrl, max: 1 });
  await makeDatabase(server.executor, name);
  await server.close();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const database = connect({ url: url.href, max: 2 });
  const isSource = name !== 'provider';
  const applied = await migrate(database, [...(isSource ? allMigrations : []), ...shopMigrations[name]]);
  if (isSource) {
    await nameSource(database.executor, name);
    await makeRoles(database.executor);
  }
  for (const login of shopLogins[name]) await makeLogin(database.executor, { ...login, password });
  if (name === 'inventory') await fillStock(database.executor);
  await database.close();
  say(`${name}: ${applied.length} migrations applied, ${shopLogins[name].length} logins`);
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
const password = required('LOGIN_PASSWORD');
for (const name of services) await prepareDatabase(serverUrl, name, password);
await prepareTopics(required('KAFKA_BROKERS').split(','));
