/**
 * Parks and releases that race with slices, on members that take partitions from each other. Planted fault: with
 * `releaseLine` without its look at the tail, what a slice appended meanwhile stays behind here, for ever.
 */
import { memoryBroker } from '@convergekit/broker/testing';
import { ConvergeError, seededRandom } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { inPlace, quickSchedule, makeTopics } from '../testing/quick.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { reordered } from '../fixture/process-scene.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';

const schedule = { ...quickSchedule, fast: { baseMs: 20, factor: 2, capMs: 60 } };
const away = new ConvergeError('away', { code: 'AWAY', category: 'network', certainty: 'not_applied' });

it('G5a: keys that are parked and released at random under load and rebalances have each effect once, in order, and nothing left', async () => {
  const { database } = await ledgerDatabase(inject('stack').databaseUrl, 30);
  const broker = memoryBroker();
  const { counted, priced } = testEvents('orders');
  await makeTopics(broker, ['orders', 'stock.failures'], 4);
  const random = seededRandom(11);
  let faulty = true;
  const consumer = defineConsumer<LedgerDb>('stock', { from: 'first' }).on(
    counted,
    async (event, { tx, emit }) => {
      await note(tx, event);
      emit(priced(event.data));
      // A third of the keys, most of the time: lines of every length come and go.
      if (faulty && event.data.n % 30 < 10 && random() < 0.85) throw away;
    },
  );
  const options = {
    policies: inPlace({ attempts: 1 }),
    parking: { schedule, pollMs: 10, systemic: { keys: 1_000_000, withinMs: 1 } },
  };
  const join = async (): Promise<ConsumerService> => {
    const service = consumerService([consumer], { database, broker, ...options });
    await service.start();
    return service;
  };
  const source = new FixtureSource({ partitions: 4 });
  const ids: string[] = [];
  const parked = async () =>
    (await database.executor.query<{ n: number }>('select count(*)::int as n from converge.parked')).rows[0]!
      .n;
  const members = [await join(), await join()];
  let most = 0;
  for (let round = 0; round < 12; round += 1) {
    for (let part = 0; part < 5; part += 1) {
      const from = ids.length;
      const events = Array.from({ length: 12 }, (_, at) =>
        counted({ key: `k${(from + at) % 30}`, n: from + at }),
      );
      ids.push(...(await source.publish(broker, events)));
      most = Math.max(most, await parked());
    }
    if (round % 4 === 3) members.push(await join());
    if (round % 4 === 1) await members.shift()!.stop();
  }
  faulty = false;
  await waitUntil(async () => (await lines(database)).length >= ids.length, { what: 'all effects' });
  const found = await lines(database);
  expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(ids.toSorted());
  expect(reordered(found)).toEqual([]);
  expect(most).toBeGreaterThan(10);
  await waitUntil(
    async () => {
      const left = await database.executor.query(
        `select key from converge.parked_key union all select key from converge.parked where state = 'waiting'`,
      );
      return left.rows.length === 0;
    },
    { what: 'no line and no waiting event to be left' },
  );
  const emitted = await database.executor.query<{ n: number; ids: number }>(
    'select count(*)::int as n, count(distinct event_id)::int as ids from converge.outbox',
  );
  expect(emitted.rows).toEqual([{ n: ids.length, ids: ids.length }]);
  for (const member of members) await member.stop();
  await broker.close();
  await database.close();
});
