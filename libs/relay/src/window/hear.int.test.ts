import { defineEvent } from '@convergekit/contracts';
import { memoryBroker } from '@convergekit/broker/testing';
import { createOutbox } from '@convergekit/outbox';
import { connect, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { closeAfterEach, closing, onClose, silent, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';
import type { RelayOptions } from '../options.ts';
import type { Relay } from '../relay.ts';

closeAfterEach();

const HOUR = 3_600_000;
/** From the first notification on, no poll is due for a quarter of an hour after another that is not a quick successor. */
const hourly: Partial<RelayOptions> = {
  poll: { maxMs: 5, idleMs: HOUR },
  stalledAfterMs: 2 * HOUR,
};

/** `isApart`: the relay's pool counts as one of another process, as it names the host differently. */
async function setUp({ isApart = true, ...options }: Partial<RelayOptions> & { isApart?: boolean } = {}) {
  const { url, database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 3);
  const key = (data: { readonly key: string }): string => data.key;
  const event = defineEvent('test.heard', {
    version: 1,
    topic,
    key,
    data: z.object({ key: z.string() }),
  });
  const relayUrl = new URL(url);
  relayUrl.searchParams.set('application_name', 'relay-under-test');
  if (isApart) relayUrl.hostname = relayUrl.hostname === 'localhost' ? '127.0.0.1' : 'localhost';
  const own = connect({ url: relayUrl.href, applicationName: 'relay-under-test' });
  onClose(() => own.close());
  const service = await started({ database: own, broker, ...options });
  await waitUntil(() => service.status().state === 'leading', { what: 'the relay to lead' });
  return { url, database, topic, event, service };
}

const published = (service: Relay, events: number): Promise<unknown> =>
  waitUntil(() => service.status().published === events, { what: `${events} published events` });

/**
 * Planted faults, each seen to fail here:
 * - the writer sends no notification;
 * - the relay does not listen;
 * - an append within a transaction of the caller is not announced.
 */
test('G2d: a relay whose polls are an hour apart publishes each event when its writer notifies', async () => {
  const slowest: unknown[] = [];
  const debug = (fields: object): void => {
    if ('slowestMs' in fields) slowest.push(fields.slowestMs);
  };
  const { database, event, service } = await setUp({ ...hourly, log: { ...silent, debug } });
  const outbox = createOutbox([event]);
  await outbox.append(database.executor, [event({ key: 'first' })]);
  await published(service, 1);
  // It slows down only because it has heard the writer: the event would keep it from that for ten minutes.
  await waitUntil(() => slowest.at(-1) === HOUR, { what: 'the relay to poll slowly' });
  for (let n = 2; n <= 20; n += 1) {
    if (n % 2 === 0)
      await outbox.transaction(database.db, ({ emit }) => Promise.resolve(emit(event({ key: `k${n}` }))));
    else
      await kyselyTransaction(database.db, {}, async (tx) => {
        await outbox.append(executorOf(tx), [event({ key: `k${n}` })]);
        await executorOf(tx).query('select 1');
      });
    await published(service, n);
  }
});

/** A session that hears what is sent to relays. */
async function listenerAt(
  url: string,
): Promise<{ readonly listener: Client; readonly heard: readonly string[] }> {
  const listener = new Client({ connectionString: url });
  await listener.connect();
  onClose(() => listener.end());
  const heard: string[] = [];
  listener.on('notification', ({ payload }) => void heard.push(payload ?? ''));
  await listener.query('listen converge_outbox');
  return { listener, heard };
}

// Planted fault: a notifier that knows the listeners of its own pool only sends a notification for each commit.
test('a relay hears the commits of another pool of its process, which sends no notification', async () => {
  const { url, database, event, service } = await setUp({ ...hourly, isApart: false });
  const { listener, heard } = await listenerAt(url);
  const outbox = createOutbox([event]);
  for (let n = 1; n <= 10; n += 1) {
    await outbox.append(database.executor, [event({ key: `k${n}` })]);
    await published(service, n);
  }
  await listener.query(`notify converge_outbox, 'the last one'`);
  await waitUntil(() => heard.includes('the last one'), { what: 'the notification of the test' });
  expect(heard).toEqual(['the last one']);
});

test('G2d: events of writers that do not notify are published, and send no notification', async () => {
  const { url, database, topic, event, service } = await setUp();
  const { heard } = await listenerAt(url);
  const outbox = createOutbox([event], { notify: false });
  await outbox.transaction(database.db, ({ emit }) => Promise.resolve(emit(event({ key: 'a' }))));
  await published(service, 1);
  await writeMany(database, topic, 300);
  await published(service, 301);
  await createOutbox([event]).append(database.executor, [event({ key: 'b' })]);
  await published(service, 302);
  await waitUntil(() => heard.length > 0, { what: 'the notification of the last event' });
  expect(heard).toEqual(['1']);
  // The relay has heard a writer by now. A crash between COMMIT and NOTIFY looks like this to it.
  await writeMany(database, topic, 300);
  await published(service, 602);
});

test('a relay whose sessions are terminated publishes what writers commit meanwhile and afterwards', async () => {
  const { database, event, service } = await setUp(hourly);
  const outbox = createOutbox([event]);
  const emit = (key: string): Promise<unknown> =>
    outbox.transaction(database.db, ({ emit: one }) => Promise.resolve(one(event({ key }))));
  await emit('before');
  await published(service, 1);
  await database.executor.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'relay-under-test'`,
  );
  await emit('meanwhile');
  await untilDrained(database);
  for (let n = 1; n <= 10; n += 1) {
    await emit(`after ${n}`);
    await untilDrained(database);
  }
});
