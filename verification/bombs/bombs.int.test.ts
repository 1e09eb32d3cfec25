import { fileURLToPath } from 'node:url';
import type { Broker } from '@convergekit/broker';
import { inboxMigrations } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { freshDatabase, freshTopic } from '@convergekit/testing';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { headerBomb, recordBomb } from '../../libs/kafka/src/fixture/bombs.ts';
import { run } from '../programs.ts';
import { type BombDb, countedOn, type Used } from './scene.ts';

/*
 * Batches of some hundred kilobytes that became gigabytes in every reader of a topic, on a real Kafka. Code that was
 * removed once, and a test here failed: the limit of headers, the limit of records.
 */
const MOST_MB = 300;
const MOST_BLOCKED_MS = 1_000;
const program = fileURLToPath(new URL('./reader.ts', import.meta.url));
const stack = inject('stack');

let broker: Broker;
let database: Database<BombDb>;
let url: string;
let topic: string;

beforeEach(async () => {
  broker = kafkaBroker({ driver: 'kafkajs', brokers: stack.brokers.split(','), clientId: 'bombs' });
  url = await freshDatabase(stack.databaseUrl, 'bombs');
  database = connect<BombDb>({ url, max: 2 });
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  await database.executor.query('create table seen (n int primary key)');
  topic = await freshTopic(stack.brokers, { partitions: 1, prefix: 'bombs' });
  await (await broker.admin()).createTopic({ name: `${topic}.failures`, partitions: 1 });
});
afterEach(async () => {
  await broker.close();
  await database.close();
});

/** Runs a reader to its end; fails with its log. */
async function read(mode: 'consume' | 'lead' | 'search', last = 0): Promise<Used> {
  const env = { MODE: mode, DATABASE_URL: url, KAFKA_BROKERS: stack.brokers, TOPIC: topic, LAST: `${last}` };
  const own = { ...process.env, NODE_OPTIONS: '--conditions=source', LOG_LEVEL: 'error', ...env };
  const { stdout: out } = await run(process.execPath, [program], { env: own });
  return JSON.parse(out.slice(out.lastIndexOf('{"blockedMs"'))) as Used;
}

async function publish(n: number): Promise<Used> {
  const counted = countedOn(topic);
  await createOutbox([counted]).transaction(database.db, ({ emit }) => Promise.resolve(emit(counted({ n }))));
  return read('lead');
}

it('G4e: batches that would become gigabytes are one dead letter each, and consumer, relay and search go on within 300 MB', async () => {
  await publish(1);
  const producer = await broker.producer();
  for (const records of [headerBomb(8_000_000), recordBomb(1_100_000)]) {
    expect(records.bytes.length).toBeLessThan(1_000_000);
    expect(await producer.send([{ topic, partition: 0, records }])).toMatchObject([{ ok: true }]);
  }
  await producer.close();

  const used = { lead: await publish(2), consume: await read('consume', 2), search: await read('search') };
  for (const { rssMb, blockedMs } of Object.values(used)) {
    expect(rssMb, JSON.stringify(used)).toBeLessThan(MOST_MB);
    expect(blockedMs, JSON.stringify(used)).toBeLessThan(MOST_BLOCKED_MS);
  }
  const { rows } = await database.executor.query(
    'select code, reason from converge.parked order by record_offset',
  );
  expect(rows).toMatchObject([
    {
      code: 'BATCH_UNDECODABLE',
      reason: expect.stringContaining('its record has 8000000 headers') as string,
    },
    { code: 'BATCH_UNDECODABLE', reason: expect.stringContaining('it has 1100000 records') as string },
  ]);
});
