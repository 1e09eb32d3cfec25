import type { Broker } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { kafkaBroker } from '@convergekit/kafka';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { type ConsumerService, consumerService } from './consumer-service.ts';

/** The logs of a consumer; in the first tier its logic is shown on the one in memory, and what Kafka may change on Kafka, too. */
const LOGS = {
  memory: () => memoryBroker(),
  kafkajs: () => kafkaBroker({ brokers: inject('stack').brokers.split(','), clientId: 'inbox-test' }),
};
type Log = keyof typeof LOGS;
const onBoth: readonly Log[] = ['memory', 'kafkajs'];
const onOne: readonly Log[] = inject('full') ? onBoth : ['memory'];

describe('a consumer', () => {
  let broker: Broker;
  let database: Database<LedgerDb>;
  let name: string;
  let topic: string;
  let events: ReturnType<typeof testEvents>;
  let source: FixtureSource;
  const services: ConsumerService[] = [];
  const partitions = 3;

  beforeEach(async () => {
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
    name = `stock-${tag()}`;
    topic = `orders-${tag()}`;
    events = testEvents(topic);
    source = new FixtureSource({ partitions });
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
    await broker.close();
    await database.close();
  });

  async function open(log: Log): Promise<void> {
    broker = LOGS[log]();
    await makeTopics(broker, [topic, `${name}.failures`], partitions);
  }
  const counter = () =>
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(events.counted, (event, { tx }) => note(tx, event));
  async function started(consumer = counter(), options: object = {}): Promise<ConsumerService> {
    const service = consumerService([consumer], { database, broker, ...options });
    services.push(service);
    await service.start();
    return service;
  }
  const linesOf = async (count: number) =>
    waitUntil(async () => ((await lines(database)).length >= count ? lines(database) : undefined), {
      what: `${count} lines in the ledger`,
    });
  const keyed = (n: number) => events.counted({ key: `k${n % 17}`, n });
  const duplicates = (service: ConsumerService): number =>
    service.status()[0]!.partitions.reduce((sum, { counts }) => sum + counts.duplicates, 0);

  it.each(onBoth)(
    'C3: over the %s broker a consumer applies each event once and keeps the order of every key',
    async (log) => {
      await open(log);
      await started();
      const ids = await source.publish(
        broker,
        Array.from({ length: 300 }, (_x, n) => keyed(n)),
      );
      const found = await linesOf(300);
      expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(ids.toSorted());
      for (const group of Map.groupBy(found, ({ key }) => key).values())
        expect(group.map(({ n }) => n)).toEqual(group.map(({ n }) => n).toSorted((a, b) => a - b));
    },
  );

  it.each(onOne)(
    'G3d: over the %s broker a consumer handles the events of a foreign producer once, and reports a repeated id with other content',
    async (log) => {
      await open(log);
      await started();
      const a = foreignRecord(events.counted({ key: 'a', n: 1 }), 'one', partitions);
      await sendRecords(broker, [a, a]);
      await sendRecords(broker, [a, foreignRecord(events.counted({ key: 'a', n: 2 }), 'one', partitions)]);
      const letters = await waitUntil(
        async () => {
          const { rows } = await database.executor.query<{ code: string }>(
            'select code from converge.parked',
          );
          return rows.length > 0 ? rows : undefined;
        },
        { what: 'a dead letter' },
      );
      expect(letters).toEqual([{ code: 'FOREIGN_ID_REUSED' }]);
      expect(await lines(database)).toMatchObject([{ event_id: 'one', n: 1 }]);
    },
  );

  it.each(onOne)(
    'over the %s broker a consumer skips types that it does not handle, and counts them',
    async (log) => {
      await open(log);
      const service = await started();
      await source.publish(broker, [events.ignored({ key: 'a', n: 1 }), events.counted({ key: 'a', n: 2 })]);
      await linesOf(1);
      const counts = service.status()[0]!.partitions.map((one) => one.counts.skipped);
      expect(counts.reduce((a, b) => a + b)).toBe(1);
    },
  );

  it.each(onOne)('over the %s broker a consumer continues where it was after a restart', async (log) => {
    await open(log);
    const first = await started();
    await source.publish(broker, [keyed(1), keyed(2)]);
    await linesOf(2);
    await first.stop();
    await source.publish(broker, [keyed(3)]);
    const second = await started();
    await linesOf(3);
    expect(duplicates(second)).toBe(0);
  });

  // Planted fault: when every predecessor counts as known (`judge`), nothing halts here.
  it.each(onOne)(
    'G4a: over the %s broker a consumer halts only the partition where an event is missing, and names the gap',
    async (log) => {
      await open(log);
      const service = await started();
      const everywhere = (n: number) =>
        ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => events.counted({ key, n }));
      await source.publish(broker, everywhere(1));
      await linesOf(6);
      const hole = source.record(events.counted({ key: 'a', n: 2 }));
      await source.publish(broker, everywhere(3));
      await waitUntil(() => service.status()[0]!.partitions.some(({ state }) => state === 'halted'), {
        what: 'a halt',
      });
      const others = everywhere(3).filter(
        ({ key }) => source.record(events.ignored({ key, n: 0 })).partition !== hole.partition,
      );
      const found = await linesOf(6 + others.length);
      expect(found).toHaveLength(6 + others.length);
      const halted = service.status()[0]!.partitions.filter(({ state }) => state === 'halted');
      expect(halted).toMatchObject([{ partition: hole.partition, code: 'gap', counts: { gaps: 1 } }]);
    },
  );

  it.each(onBoth)(
    'over the %s broker a consumer refuses to start without its topics and its failure topic, and names the command that creates them',
    async (log) => {
      await open(log);
      const consumer = defineConsumer<LedgerDb>(`other-${tag()}`, { from: 'first' }).on(
        testEvents('nowhere').counted,
        (event, { tx }) => note(tx, event),
      );
      const service = consumerService([consumer], { database, broker });
      await expect(service.start()).rejects.toMatchObject({
        code: 'TOPIC_MISSING',
        message: expect.stringContaining(
          `converge topics create nowhere ${consumer.name}.failures --partitions 6`,
        ),
      });
    },
  );
});
