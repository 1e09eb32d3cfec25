import type { Admin } from '@convergekit/broker';
import type { Service } from '@convergekit/core';
import { readOverview, resumePartition } from '@convergekit/inbox/operate';
import { kafkaBroker } from '@convergekit/kafka';
import { localBroker } from '@convergekit/local';
import { exportLog } from '@convergekit/local/choose';
import { rebaseSource } from '@convergekit/relay/operate';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { hasSeats, MovingShop } from '../../fixture/moving-shop.ts';

const PARTITIONS = 3;
const tag = `moved-${Math.random().toString(36).slice(2, 10)}`;
const { brokers, databaseUrl } = inject('stack');

async function started(services: readonly Service[]): Promise<readonly Service[]> {
  for (const service of services) {
    await service.start();
    onTestFinished(() => service.stop());
  }
  return services;
}

const stopped = async (services: readonly Service[]): Promise<void> => {
  for (const service of services.toReversed()) await service.stop();
};

async function lengthOf(admin: Admin, name: string): Promise<number> {
  return (await admin.logEnds(name)).reduce((sum, { latest }) => sum + Number(latest), 0);
}

/** Resumes every partition from the begin of the copy, as `converge consumers resume` does. */
async function resumeAll({ shop, consumerNames }: MovingShop, admin: Admin): Promise<void> {
  for (const consumer of consumerNames) {
    const halted = await waitUntil(
      async () => {
        const rows = await readOverview(shop.executor, consumer);
        return rows.length > 0 && rows.every((row) => row.halted !== null) ? rows : undefined;
      },
      { what: `every partition of ${consumer} to wait for the decision where to begin` },
    );
    expect(new Set(halted.map((row) => row.halted?.code))).toEqual(new Set(['topic_recreated']));
    for (const { topic, partition } of halted)
      await resumePartition(
        shop,
        admin,
        { consumer, topic, partition },
        { by: 'test', reason: 'moved to Kafka', pass: false, fromEarliest: true },
      );
  }
}

/*
 * Planted faults: an export that leaves out every fifth batch (the effects behind the gap had not come after 150 s).
 */
it('N3, G2h: a writer and a service with sagas, calls and a reconciler move from the local log to Kafka under load: nothing is lost or done twice, and every saga ends', async () => {
  const log = await freshDatabase(databaseUrl, 'log');
  const local = localBroker({ url: log, clientId: 'mover' });
  const kafka = kafkaBroker({ brokers: brokers.split(','), clientId: 'mover' });
  onTestFinished(async () => {
    await Promise.all([local.close(), kafka.close()]);
  });
  const moving = await MovingShop.open(databaseUrl, tag, onTestFinished);
  const { shop, source, bank, topics, counted } = moving;
  const count = async (text: string): Promise<number> =>
    Number((await shop.executor.query<{ n: string }>(`select count(*) as n from ${text}`)).rows[0]?.n);
  const ended = (state: string) => count(`converge.saga_instance where state = '${state}'`);
  const spoil = (key: string) =>
    shop.executor.query('update tally set n = n + 1000, version = version + 1 where key = $1', [key]);
  const admin = await local.admin();
  for (const name of topics) await admin.createTopic({ name, partitions: PARTITIONS });

  await started([moving.reconciler()]);
  await moving.say(['quiet-a', 'quiet-b', 'quiet-c']);
  moving.start();
  onTestFinished(() => moving.stop());
  const publishing = await started(moving.publishing(local));
  const consuming = await started(moving.consuming(local));
  await waitUntil(
    async () =>
      (await count('seen')) > 300 && (await ended('completed')) > 0 && (await ended('compensated')) > 0,
    { what: 'effects, and sagas of both ends, on the local log' },
  );
  bank.hold();
  await waitUntil(() => Promise.resolve(bank.held.size > 0), { what: 'a charge without an answer' });
  await stopped(consuming);
  // An event that only the copy brings, and a drift whose repair must wait for it.
  await moving.say(['quiet-b']);
  await spoil('quiet-a');
  const behind = await lengthOf(admin, counted);
  await waitUntil(async () => (await lengthOf(admin, counted)) > behind + 300, {
    what: 'a log ahead of its consumer',
  });
  await stopped(publishing);
  const inFlight = `converge.saga_work where op = 'apply' and ended_at is null`;
  expect(await count(inFlight)).toBeGreaterThan(0);

  const copied = await exportLog({ url: log, target: kafka, topics });
  expect(copied.map(({ topic }) => topic).toSorted()).toEqual(topics.toSorted());
  expect(copied.find(({ topic }) => topic === counted)?.records).toBeGreaterThan(300);
  await expect(exportLog({ url: log, target: kafka, topics: [counted] })).rejects.toMatchObject({
    code: 'EXPORT_TARGET_NOT_EMPTY',
  });
  for (const database of [source, shop])
    await rebaseSource({ by: 'ada', database, broker: kafka, reason: 'moved to Kafka' });

  bank.answer();
  await started([...moving.publishing(kafka), ...moving.consuming(kafka)]);
  await resumeAll(moving, await kafka.admin());
  const seen = await count('seen');
  await waitUntil(async () => (await count('seen')) > seen + 300, { what: 'effects on Kafka' });
  await spoil('quiet-c');
  await moving.stop();

  const emitted = [...moving.counts.values()].reduce((sum, one) => sum + one, 0);
  await waitUntil(async () => (await count('seen')) >= emitted, { what: 'every effect' });
  const { rows } = await shop.executor.query<{ key: string; n: number }>(
    'select key, n from seen order by at',
  );
  expect(rows).toHaveLength(emitted);
  for (const [key, one] of moving.counts)
    expect(rows.filter((row) => row.key === key).map(({ n }) => n)).toEqual(
      Array.from({ length: one }, (_, n) => n),
    );

  const { trips } = moving;
  const full = trips.filter((trip) => !hasSeats(trip)).toSorted();
  await waitUntil(async () => (await ended('completed')) + (await ended('compensated')) >= trips.length, {
    what: 'the end of every saga',
  });
  expect([await ended('completed'), await ended('compensated')]).toEqual([
    trips.length - full.length,
    full.length,
  ]);
  expect([...bank.charged].toSorted()).toEqual(trips.toSorted());
  expect([...bank.refunded].toSorted()).toEqual(full);
  expect(await count('room')).toBe(trips.length - full.length);

  // The reconciler repaired what was spoilt, and took no event on its way for a drift.
  const repaired = `select key from converge.reconcile_audit where verdict = 'repaired' order by key`;
  await waitUntil(async () => (await shop.executor.query(repaired)).rows.length >= 2, {
    what: 'the repairs',
  });
  expect((await shop.executor.query(repaired)).rows).toEqual([{ key: 'quiet-a' }, { key: 'quiet-c' }]);
  const tally = await shop.executor.query<{ key: string; n: number }>('select key, n from tally');
  expect(new Map(tally.rows.map(({ key, n }) => [key, n]))).toEqual(moving.counts);
  expect(await count('converge.parked')).toBe(0);
});
