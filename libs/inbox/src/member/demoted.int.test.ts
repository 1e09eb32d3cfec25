import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { embeddedPostgres, promote } from '@convergekit/testing/engine';
import { expect, it, onTestFinished } from 'vitest';
import { demote } from '../../../testing/src/fixture/standby.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { consumerService } from '../service/consumer-service.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { makeTopics } from '../testing/quick.ts';

const { counted } = testEvents('orders');
const some = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => counted({ key: 'k', n: from + n }));

// The address of a database leads to a standby for a while in most failovers: it answers, and refuses BEGIN with 0A000.
// Seen to fail with that taken for the error of a statement: the consumer stops for good.
it('G5q: a consumer whose database becomes a standby waits until it is promoted, and handles every event once', async () => {
  const server = await embeddedPostgres();
  onTestFinished(() => server.dispose());
  await server.start();
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  await makeTopics(broker, ['orders', 'stock.failures'], 1);
  const { database } = await ledgerDatabase(server.address);
  onTestFinished(() => database.close());
  const consumer = defineConsumer<LedgerDb>('stock', { from: 'first' }).on(counted, (event, { tx }) =>
    note(tx, event),
  );
  const service = consumerService([consumer], { database, broker });
  await service.start();
  onTestFinished(() => service.stop());
  const source = new FixtureSource({ partitions: 1 });
  await source.publish(broker, some(0, 5));
  await waitUntil(async () => (await lines(database)).length === 5, { what: 'the first events' });

  await demote(server);
  await source.publish(broker, some(5, 10));
  const state = () => service.status()[0]?.state;
  await waitUntil(() => state() !== 'running', { what: 'the consumer to meet the standby' });
  expect(state()).toBe('waiting');
  await promote(server);
  await waitUntil(async () => (await lines(database)).length >= 10, { what: 'the rest' });
  expect((await lines(database)).map(({ n }) => n)).toEqual(some(0, 10).map((_, n) => n));
  expect((await database.executor.query('select from converge.parked')).rows).toEqual([]);
});
