import { consumerService, defineConsumer } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { connect } from '@convergekit/postgres';
import { relay } from '@convergekit/relay';
import { waitUntil } from '@convergekit/testing';
import { askBroker } from '../../services/console/src/broker.ts';
import { readKeyLog } from '../../services/console/src/screens/search/log.ts';
import { type BombDb, countedOn, KEY, type Used } from './scene.ts';

/** One reader of a topic as a process of its own. It ends when it has read the last event, and prints what it used. */
const {
  MODE = '',
  DATABASE_URL: url = '',
  KAFKA_BROKERS: brokers = '',
  TOPIC: topic = '',
  LAST = '',
} = process.env;
const counted = countedOn(topic);
const broker = kafkaBroker({ driver: 'kafkajs', brokers: brokers.split(','), clientId: 'bombs' });
const database = connect<BombDb>({ url });

/** The longest time of the processor between two turns of the event loop, in milliseconds; independent of other processes. */
let blockedMs = 0;
let before = process.threadCpuUsage();
setInterval(() => {
  const { user, system } = process.threadCpuUsage(before);
  blockedMs = Math.max(blockedMs, (user + system) / 1_000);
  before = process.threadCpuUsage();
}, 10).unref();

async function consume(): Promise<void> {
  const consumer = defineConsumer<BombDb>(topic, { from: 'first' }).on(counted, async ({ data }, { tx }) => {
    await tx.insertInto('seen').values({ n: data.n }).execute();
  });
  const service = consumerService([consumer], { database, broker });
  await service.start();
  const read = async (): Promise<boolean> =>
    (await database.db.selectFrom('seen').where('n', '=', Number(LAST)).select('n').execute()).length > 0;
  await waitUntil(read, { what: 'the last event', deadlineMs: 120_000 });
  await service.stop();
}

async function lead(): Promise<void> {
  const service = relay({ database, broker });
  await service.start();
  await waitUntil(() => service.status().published > 0, {
    what: 'an event to be published',
    deadlineMs: 120_000,
  });
  await service.stop();
}

async function search(): Promise<void> {
  const { records } = await askBroker(broker, (admin) => readKeyLog(admin, topic, KEY));
  if (records.length === 0) throw new Error('the search finds no record');
}

const modes: Readonly<Record<string, () => Promise<void>>> = { consume, lead, search };
await modes[MODE]?.();
await broker.close();
await database.close();
const used: Used = { blockedMs, rssMb: process.resourceUsage().maxRSS / 1_024 };
process.stdout.write(JSON.stringify(used));
