import { memoryBroker } from '@convergekit/broker/testing';
import { kafkaBroker } from '@convergekit/kafka';
import { connect } from '@convergekit/postgres';
import { seededRandom } from '@convergekit/core';
import { faultProxy, waitUntil } from '@convergekit/testing';
import { describe, expect, inject, test } from 'vitest';
import type { Relay } from './relay.ts';
import { closeAfterEach, closing, heldCodes, onClose, started, withDatabase } from './fixture/running.ts';
import { hookedBroker } from './fixture/hooked-broker.ts';
import { checkLog, faultless, readLog } from './fixture/log-check.ts';
import { createTopic, topicName, untilDrained, writeMany } from './fixture/set-up.ts';
import { writeMixed } from './fixture/writers.ts';

/**
 * Code that was removed once, and a test here failed:
 * - the cursor is the last acknowledged position (taken as the last queued one).
 */

closeAfterEach();

const READ_AHEAD = inject('full') ? 2_000 : 600;

/** Kafka behind a proxy: `reachAt` sends every connection through it, whatever address the broker calls itself. */
async function proxiedKafka() {
  const target = inject('stack').brokers.split(',')[0] ?? '';
  const proxy = await faultProxy({ target });
  onClose(() => proxy.close());
  const broker = closing(
    kafkaBroker({
      brokers: [proxy.address],
      clientId: 'relay-proxied',
      requestTimeoutMs: 1_000,
      reachAt: () => proxy.address,
    }),
  );
  const direct = closing(kafkaBroker({ brokers: [target], clientId: 'relay-direct' }));
  return { proxy, broker, direct };
}

describe('a broker that fails', () => {
  test.each(['cut', 'stall', 'dropReplies'] as const)(
    'S64: while the broker suffers "%s", the relay holds a bounded number of events, continues to make ticks, and loses nothing',
    async (fault) => {
      const { database } = await withDatabase();
      const { proxy, broker, direct } = await proxiedKafka();
      const topic = await createTopic(direct, topicName(), 4);
      const service = await started({
        database,
        broker,
        readAheadEvents: READ_AHEAD,
        pageRows: READ_AHEAD / 4,
      });
      const written = { all: false };
      const writing = Promise.all(
        Array.from({ length: 3 }, (_, index) =>
          writeMixed({
            database,
            random: seededRandom(50 + index),
            topic,
            events: READ_AHEAD + 500,
            bulk: 100,
          }),
        ),
      ).finally(() => (written.all = true));
      await waitUntil(() => service.status().published > 500, { what: 'the relay to be at work' });
      proxy[fault]();
      await waitUntil(() => service.status().state === 'leading' && queued(service) >= READ_AHEAD, {
        what: 'the read-ahead to be full',
      });
      const ticks = async (): Promise<number> =>
        (await database.executor.query<{ n: number }>('select count(*)::int as n from converge.tick'))
          .rows[0]!.n;
      const before = await ticks();
      await writing;
      await writeMany(database, topic, 300);
      await waitUntil(async () => (await ticks()) > before, { what: 'a tick while nothing can be sent' });
      expect(queued(service)).toBeLessThan(1.5 * READ_AHEAD);
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

test('a saved cursor never names more than what the broker acknowledged, however much is queued', async () => {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 1);
  await database.executor.query(
    `insert into converge.outbox (event_id, topic, key, type, headers, payload)
     select gen_random_uuid(), $1, 'k', 't', '{}', json_build_object('key', 'k', 'n', i, 'x', repeat('x', 200000))::text
       from generate_series(1, 60) i`,
    [topic],
  );
  // A send has four batches; sends fail from the third on, with most events queued behind.
  let sends = 0;
  const failing = hookedBroker(broker, {
    send: (batches, write) => {
      sends += 1;
      if (sends > 2) broker.failSend({ topic, code: 'TIMEOUT', kind: 'retry', certainty: 'not_applied' });
      return write(batches);
    },
  });
  const service = await started({ database, broker: failing });
  await waitUntil(() => sends > 3, { what: 'sends that fail' });
  expect(queued(service)).toBeGreaterThan(40);
  const log = await readLog(broker, topic);
  // The first send may begin before four batches are queued.
  expect(log.length).toBeGreaterThan(4);
  expect(log.length).toBeLessThanOrEqual(8);
  const saved = async (): Promise<string | undefined> => {
    const { rows } = await database.executor.query<{ at: string }>(
      `select epoch || '.' || tick || '.' || id as at from converge.relay_cursor where topic = $1`,
      [topic],
    );
    return rows[0]?.at;
  };
  await waitUntil(async () => (await saved()) === log.at(-1)?.position, { what: 'the cursor of the log' });
  expect(queued(service)).toBeGreaterThan(40);
});

describe('a database that fails', () => {
  test('after the database could not be reached for longer than the lease, the relay leads again and loses nothing', async () => {
    const { url, database } = await withDatabase();
    const behind = new URL(url);
    const proxy = await faultProxy({ target: behind.host });
    onClose(() => proxy.close());
    behind.host = proxy.address;
    const proxied = connect({ url: behind.href, connectTimeoutMs: 500 });
    onClose(() => proxied.close());
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
