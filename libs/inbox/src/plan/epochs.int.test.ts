import type { Broker } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';

/**
 * Code that was removed once, and a test here failed:
 * - a marker is known by its type before it is read as an event (it became a dead letter, and nothing was superseded);
 * - a predecessor is compared with the watermark of its own epoch (taken as the highest of all: the marker hid the hole);
 * - a new position of an older epoch halts its partition (it was a gap, or applied).
 */

describe('a consumer whose source begins a new epoch', () => {
  const partitions = 3;
  let broker: Broker;
  let database: Database<LedgerDb>;
  let topic: string;
  let events: ReturnType<typeof testEvents>;
  let source: FixtureSource;
  let service: ConsumerService;

  beforeEach(async () => {
    broker = memoryBroker();
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
    topic = `orders-${tag()}`;
    const name = `stock-${tag()}`;
    events = testEvents(topic);
    source = new FixtureSource({ partitions });
    await makeTopics(broker, [topic, `${name}.failures`], partitions);
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(events.counted, (event, { tx }) =>
      note(tx, event),
    );
    service = consumerService([consumer], { database, broker });
    await service.start();
  });
  afterEach(async () => {
    await service.stop();
    await broker.close();
    await database.close();
  });

  const some = (from: number, count = 40) =>
    Array.from({ length: count }, (_, n) => events.counted({ key: `k${n % 17}`, n: from + n }));
  const linesOf = (count: number) =>
    waitUntil(async () => ((await lines(database)).length >= count ? lines(database) : undefined), {
      what: `${count} lines in the ledger`,
    });
  const halted = () => service.status()[0]!.partitions.filter(({ state }) => state === 'halted');
  const skipped = () => service.status()[0]!.partitions.reduce((sum, { counts }) => sum + counts.skipped, 0);
  const letters = async () => (await database.executor.query('select code from converge.parked')).rows;

  it('G3h: a consumer passes the markers of a new epoch, handles its events, and halts at what an old primary still writes', async () => {
    await source.publish(broker, some(0));
    await linesOf(40);
    const zombie = source.copy();
    // The events beyond the fork were seen, and the new epoch's first event names the last of them.
    await source.publish(broker, some(100));
    await source.rebase(broker, topic);
    await source.publish(broker, some(200));
    const found = await linesOf(120);
    expect(found).toHaveLength(120);
    expect([halted(), await letters(), skipped()]).toEqual([[], [], partitions]);

    zombie.tick = 99n;
    const late = [zombie.record(events.counted({ key: 'k0', n: 999 }))];
    await sendRecords(broker, late);
    await waitUntil(() => halted().length === 1, { what: 'the halt' });
    expect(halted()).toMatchObject([{ partition: late[0]!.partition, code: 'epoch_superseded' }]);
    expect(await lines(database)).toHaveLength(120);
  });

  it('the marker of a new epoch alone halts an old primary’s events, before any event of the new epoch', async () => {
    await source.publish(broker, some(0));
    const zombie = source.copy();
    await source.rebase(broker, topic);
    await linesOf(40);
    await zombie.publish(broker, some(900));
    await waitUntil(() => halted().length === partitions, { what: 'every partition to halt' });
    expect(new Set(halted().map((one) => 'code' in one && one.code))).toEqual(new Set(['epoch_superseded']));
    expect(await lines(database)).toHaveLength(40);
  });

  it('a consumer still detects a missing event of the old epoch', async () => {
    await source.publish(broker, some(0));
    await linesOf(40);
    // The marker was written without knowledge of the lost event; the first event after it names that one.
    await source.copy().rebase(broker, topic);
    const hole = source.record(events.counted({ key: 'k0', n: 500 }));
    source.epoch = 2;
    await source.publish(broker, [events.counted({ key: 'k0', n: 501 })]);
    await waitUntil(() => halted().length > 0, { what: 'the gap' });
    expect(halted()).toMatchObject([{ partition: hole.partition, code: 'gap' }]);
  });

  it('a second source under the same name has positions of its own', async () => {
    await source.publish(broker, some(0));
    await linesOf(40);
    const other = new FixtureSource({ partitions });
    other.tick = 1_000n;
    await other.publish(broker, some(300));
    await linesOf(80);
    await source.publish(broker, some(600));
    expect(await linesOf(120)).toHaveLength(120);
    expect((await database.executor.query('select from converge.inbox_foreign')).rowCount).toBe(0);
    expect(halted()).toEqual([]);
  });
});
