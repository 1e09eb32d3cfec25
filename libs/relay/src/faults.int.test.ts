/**
 * Taken out once, and a test here failed: a halt holds the topic from the first window that is not wholly in the log
 * (taken as the next window to read: what was queued is lost).
 */
import { type Broker, kafkajsBroker, memoryBroker } from '@converge/kafka';
import { connect } from '@converge/postgres';
import { seededRandom } from '@converge/runtime';
import { faultProxy, waitUntil } from '@converge/testing';
import { afterEach, describe, expect, inject, test } from 'vitest';
import type { RelayOptions } from './options.ts';
import { type Relay, relay } from './relay.ts';
import { checkLog, faultless, readLog } from './testing/log-check.ts';
import { createTopic, relayDatabase, topicName, untilDrained, writeMany } from './testing/set-up.ts';
import { writeMixed } from './testing/writers.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

async function withDatabase() {
  const made = await relayDatabase(inject('stack').databaseUrl);
  open.push(() => made.database.close());
  return made;
}

function closing<B extends Broker>(broker: B): B {
  open.push(() => broker.close());
  return broker;
}

async function started(options: RelayOptions): Promise<Relay> {
  const service = relay({ log: silent, ...options });
  open.push(() => service.stop());
  await service.start();
  return service;
}

const heldCodes = (service: Relay): (string | undefined)[] => {
  const status = service.status();
  return status.state === 'leading' ? status.held.map(({ code }) => code) : ['not leading'];
};

/** Kafka behind a proxy: `reachAt` sends every connection through it, whatever address the broker calls itself. */
async function proxiedKafka() {
  const target = inject('stack').brokers.split(',')[0] ?? '';
  const proxy = await faultProxy({ target });
  open.push(() => proxy.close());
  const broker = closing(
    kafkajsBroker({
      brokers: [proxy.address],
      clientId: 'relay-proxied',
      requestTimeoutMs: 1_000,
      reachAt: () => proxy.address,
    }),
  );
  const direct = closing(kafkajsBroker({ brokers: [target], clientId: 'relay-direct' }));
  return { proxy, broker, direct };
}

describe('when the broker', () => {
  test.each(['cut', 'stall', 'dropReplies'] as const)(
    'suffers "%s" for a while, the relay holds a bounded number of events, goes on making ticks, and loses nothing',
    async (fault) => {
      const { database } = await withDatabase();
      const { proxy, broker, direct } = await proxiedKafka();
      const topic = await createTopic(direct, topicName(), 4);
      const service = await started({ database, broker, readAheadEvents: 2_000, pageRows: 500 });
      const written = { all: false };
      const writing = Promise.all(
        Array.from({ length: 3 }, (_, index) =>
          writeMixed({ database, random: seededRandom(50 + index), topic, events: 2_500, bulk: 100 }),
        ),
      ).finally(() => (written.all = true));
      await waitUntil(() => service.status().published > 500, { what: 'the relay to be at work' });
      proxy[fault]();
      await waitUntil(() => service.status().state === 'leading' && queued(service) >= 2_000, {
        what: 'the read-ahead to be full',
      });
      const ticks = async (): Promise<number> =>
        (await database.executor.query<{ n: number }>('select count(*)::int as n from converge.tick'))
          .rows[0]!.n;
      const before = await ticks();
      await writing;
      await writeMany(database, topic, 300);
      await waitUntil(async () => (await ticks()) > before, { what: 'a tick while nothing can be sent' });
      expect(queued(service)).toBeLessThan(2_000 + 2 * 500);
      expect(heldCodes(service)).toEqual([]);
      proxy.restore();
      await untilDrained(database);
      const verdict = await checkLog(database.executor, topic, await readLog(direct, topic));
      process.stderr.write(`broker ${fault}: ${JSON.stringify(verdict)}\n`);
      expect(verdict).toMatchObject(faultless);
    },
  );
});

function queued(service: Relay): number {
  const status = service.status();
  return status.state === 'leading' ? status.queued : 0;
}

describe('when the database', () => {
  test('cannot be reached for longer than the lease, the relay leads again afterwards and loses nothing', async () => {
    const { url, database } = await withDatabase();
    const behind = new URL(url);
    const proxy = await faultProxy({ target: behind.host });
    open.push(() => proxy.close());
    behind.host = proxy.address;
    const proxied = connect({ url: behind.href, connectTimeoutMs: 500 });
    open.push(() => proxied.close());
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 4);
    const timing = { leaseMs: 1_000, renewMs: 200, stopBeforeMs: 300, standbyMs: 50 };
    const service = await started({ database: proxied, broker, ...timing });
    for (const fault of ['cut', 'stall'] as const) {
      const writing = writeMixed({ database, random: seededRandom(7), topic, events: 500, bulk: 50 });
      await waitUntil(() => service.status().state === 'leading', { what: 'the lead' });
      proxy[fault]();
      await writing;
      await waitUntil(() => service.status().state === 'standby', { what: 'the lead to be lost' });
      proxy.restore();
      await untilDrained(database);
    }
    const verdict = await checkLog(database.executor, topic, await readLog(broker, topic));
    expect(verdict).toMatchObject(faultless);
  });
});

describe('a topic', () => {
  test('whose partition count changed is halted with a named error, and the others flow', async () => {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const [changed, other] = [topicName(), topicName()];
    await createTopic(broker, changed, 3);
    await createTopic(broker, other, 3);
    const first = await started({ database, broker });
    await writeMany(database, changed, 300);
    await untilDrained(database);
    await first.stop();
    const admin = await broker.admin();
    await admin.deleteTopic(changed);
    await createTopic(broker, changed, 5);
    await writeMany(database, changed, 300);
    const service = await started({ database, broker, recheckMs: 30 });
    await waitUntil(() => heldCodes(service)[0] === 'PARTITION_COUNT_CHANGED', { what: 'the halt' });
    expect(await readLog(broker, changed)).toEqual([]);
    await writeMany(database, other, 300);
    await untilDrained(database);
    expect(await readLog(broker, other)).toHaveLength(300);
    const { rows } = await database.executor.query<{ held_reason: string }>(
      'select held_reason from converge.relay_topic where topic = $1',
      [changed],
    );
    expect(rows[0]?.held_reason).toMatch(/^PARTITION_COUNT_CHANGED: it has 5 partitions and 3 on record/);
    await admin.deleteTopic(changed);
    await createTopic(broker, changed, 3);
    await waitUntil(() => heldCodes(service).length === 0, { what: 'the topic to flow again' });
    await waitUntil(async () => (await readLog(broker, changed)).length === 300, { what: 'its events' });
  });

  test('that refuses a record is halted naming it, nothing is skipped, and it resumes by itself', async () => {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const [topic, other] = [topicName(), topicName()];
    await createTopic(broker, topic, 1);
    await createTopic(broker, other, 1);
    // 300 records in a batch: eight halvings until the one is alone, and then some more refusals.
    broker.failSend({
      topic,
      code: 'MESSAGE_TOO_LARGE',
      kind: 'halt_topic',
      certainty: 'not_applied',
      times: 12,
    });
    await writeMany(database, topic, 300);
    const reasons: string[] = [];
    const service = await started({
      database,
      broker,
      recheckMs: 40,
      log: { ...silent, error: (_, text) => reasons.push(text) },
    });
    await waitUntil(() => reasons.length > 0, { what: 'a halt' });
    expect(reasons[0]).toMatch(/MESSAGE_TOO_LARGE.*first event not written: tick 1, id 1, partition 0/);
    await writeMany(database, other, 300);
    await waitUntil(async () => (await readLog(broker, topic)).length === 300, { what: 'all events' });
    await waitUntil(() => heldCodes(service).length === 0, { what: 'the topic to flow again' });
    await untilDrained(database);
    expect(await readLog(broker, other)).toHaveLength(300);
    expect(await checkLog(database.executor, topic, await readLog(broker, topic))).toMatchObject({
      ...faultless,
      duplicates: 0,
    });
  });

  test('of which some partitions fail is sent again for those alone, in order', async () => {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 4);
    for (const partition of [1, 3])
      broker.failSend({
        topic,
        partition,
        code: 'NOT_LEADER',
        kind: 'retry',
        certainty: 'not_applied',
        times: 3,
      });
    broker.failSend({
      topic,
      partition: 2,
      code: 'TIMEOUT',
      kind: 'retry',
      certainty: 'unknown',
      applied: true,
    });
    await writeMany(database, topic, 3_000);
    await started({ database, broker, pageRows: 100 });
    await untilDrained(database);
    const log = await readLog(broker, topic);
    const verdict = await checkLog(database.executor, topic, log);
    expect(verdict).toMatchObject(faultless);
    const repeated = new Set(
      log.filter((event, at) => log.findIndex(({ id }) => id === event.id) < at).map((e) => e.partition),
    );
    expect([...repeated]).toEqual([2]);
  });
});
