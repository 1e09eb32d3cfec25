/**
 * A standby takes over from a primary that was killed under load, with everything real. The old primary comes back and
 * is fenced by the log. Planted fault: a leader that ignores what the comparison with the log refuses (`admit`). Both tests
 * fail: the old primary leads again, and so does the standby that lacks commits.
 */
import type { Broker } from '@convergekit/broker';
import { systemClock } from '@convergekit/core';
import { kafkaBroker } from '@convergekit/kafka';
import { rebaseSource } from '@convergekit/relay/operate';
import type { Database } from '@convergekit/postgres';
import { embeddedPostgres, promote, setSynchronous } from '@convergekit/testing/engine';
import { standbyOf } from '../../../libs/testing/src/fixture/standby.ts';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, test } from 'vitest';
import { countEffects, judgeEffects } from '../workloads/counted/effects-sql.ts';
import { type EffectDb, PARTITIONS, TOPIC } from '../workloads/counted/events.ts';
import {
  createTopics,
  open,
  prepare,
  startConsumer,
  startRelay,
  untilApplied,
} from '../workloads/counted/services.ts';
import { Writers } from '../workloads/counted/writers.ts';
import { refusal, undoing, urlAt } from '../fixture/drill.ts';

const RATE = 150;
const { defer } = undoing();

async function readOutbox(executor: Database['executor']): Promise<readonly string[]> {
  const sql = 'select event_id::text as id from converge.outbox';
  return (await executor.query<{ id: string }>(sql)).rows.map(({ id }) => id);
}

async function countOutbox(executor: Database['executor']): Promise<number> {
  return (await readOutbox(executor)).length;
}

async function scene(name: string) {
  const broker = kafkaBroker({ brokers: inject('stack').brokers.split(','), clientId: 'failover' });
  defer(() => broker.close());
  await freshTopics(broker, name);
  const stock = open<EffectDb>(await freshDatabase(inject('stack').databaseUrl, 'stock'), defer);
  await prepare(stock);
  const primary = await embeddedPostgres();
  defer(() => primary.dispose());
  await primary.start();
  const url = await freshDatabase(primary.address, 'orders');
  const before = open<EffectDb>(url, defer);
  await prepare(before);
  await before.close();
  const standby = await standbyOf(primary, defer);
  const orders = open<EffectDb>(url, defer);
  const relay = await startRelay(orders, broker, defer);
  await startConsumer(name, stock, broker, defer);
  const writers = new Writers(orders, RATE);
  return { broker, stock, primary, standby, url, orders, relay, writers };
}

/** Makes the topics anew: the tests of this file share one Kafka, and the events' topic. */
async function freshTopics(broker: Broker, consumer: string): Promise<void> {
  const admin = await broker.admin();
  if ((await admin.describeTopic(TOPIC)) !== undefined) await admin.deleteTopic(TOPIC);
  await waitUntil(async () => (await admin.describeTopic(TOPIC)) === undefined, {
    what: 'the topic to be gone',
  });
  await admin.close();
  await createTopics(broker, inject('stack').brokers, [consumer]);
}

/** Waits until events are applied that were committed after this call: the effects may be far behind the outbox. */
async function untilPublished(orders: Database<EffectDb>, stock: Database<EffectDb>): Promise<void> {
  await untilApplied(stock, (await countOutbox(orders.executor)) + RATE);
}

/**
 * Waits until the standby has followed the relay in every partition. One that has seen no event of a topic leads: its log is
 * compared when the first event is read.
 */
async function untilCursorsIn({ executor }: Database<EffectDb>): Promise<void> {
  const sql = 'select count(*)::int as n from converge.relay_cursor where topic = $1 and tick > 0';
  await waitUntil(async () => (await executor.query<{ n: number }>(sql, [TOPIC])).rows[0]?.n === PARTITIONS, {
    what: 'the standby to follow',
  });
}

test('G3k, N25: a synchronous standby takes over from a killed primary: nothing acknowledged is lost, and each event takes effect once', async () => {
  const { broker, stock, primary, standby, url, relay, writers } = await scene('failover-sync');
  await setSynchronous(primary, true);
  writers.start();
  defer(() => writers.stop());
  await untilApplied(stock, 2 * RATE);

  await primary.kill();
  const died = systemClock.monotonic();
  await writers.pause();
  await relay.stop();
  await promote(standby);
  const orders = open<EffectDb>(urlAt(standby, url), defer);
  writers.resume(orders);
  const withoutWritesMs = Math.round(systemClock.monotonic() - died);
  const next = await startRelay(orders, broker, defer);
  await waitUntil(() => next.status().state === 'leading', { what: 'the relay of the standby to lead' });
  const withoutRelayMs = Math.round(systemClock.monotonic() - died);
  await untilPublished(orders, stock);

  // The old primary comes back: its relay is refused, since the log is ahead of it.
  await primary.start();
  const old = await startRelay(open<EffectDb>(url, defer), broker, defer);
  await refusal(old, 'database_went_back');
  await writers.stop();
  const committed = await countOutbox(orders.executor);
  await untilApplied(stock, committed);
  const sent = await readOutbox(orders.executor);
  const kept = new Set(sent);
  expect(writers.acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  const effects = await judgeEffects(stock.executor, sent);
  expect(effects).toMatchObject({ lost: 0, twice: 0, invented: 0, outOfOrder: 0 });
  const figures = { committed, refused: writers.refusals.length, withoutWritesMs, withoutRelayMs };
  process.stderr.write(
    `failover: ${JSON.stringify({ ...figures, longestPauseMs: effects.longestPauseMs })}\n`,
  );
});

test('G3k: a standby that lacks commits is refused after its promotion, and after a rebase only the named phantoms differ', async () => {
  const {
    broker,
    stock,
    primary,
    standby,
    url,
    orders: before,
    relay,
    writers,
  } = await scene('failover-async');
  writers.start();
  defer(() => writers.stop());
  await untilApplied(stock, RATE);
  await untilCursorsIn(open<EffectDb>(urlAt(standby, url), defer));
  await standby.stop();
  await untilPublished(before, stock);
  await writers.pause();
  await primary.kill();
  await relay.stop();
  await standby.start();
  await promote(standby);
  const orders = open<EffectDb>(urlAt(standby, url), defer);
  const next = await startRelay(orders, broker, defer);
  await refusal(next, 'database_went_back');
  const report = await rebaseSource({
    by: 'ada',
    database: orders,
    broker,
    reason: 'the standby lacked commits',
  });
  expect(report.newTransactionIds).toBe(false);
  writers.resume(orders);
  await waitUntil(() => next.status().state === 'leading', { what: 'the relay of the standby to lead' });
  await untilApplied(stock, (await countEffects(stock.executor)) + RATE);
  await writers.stop();
  const named = (kind: string): number => report.phantoms.filter((one) => one.kind === kind).length;
  const sent = await readOutbox(orders.executor);
  await untilApplied(stock, sent.length + named('phantom'));
  expect(await judgeEffects(stock.executor, sent)).toMatchObject({
    lost: 0,
    twice: named('sent_again'),
    invented: named('phantom'),
  });
  expect(named('phantom')).toBeGreaterThan(0);
});
