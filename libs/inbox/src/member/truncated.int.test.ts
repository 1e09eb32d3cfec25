import { type OutgoingRecord, partitionOf } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type CutLog, openCutLog } from '../fixture/cut-log.ts';
import { FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { resumePartition } from '../operate/resume.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';

/**
 * Tests of records that are removed before they are read. Planted faults, each tried here:
 * - `checkRow` without the look at the log's ends: the consumer waits for ever or begins elsewhere without a word;
 * - the member without its `placeLost`: the whole consumer ends, the partition that lost nothing with it;
 * - `judge` taking every predecessor for known: what was cut off is skipped silently.
 */

const keyOf = (partition: number): string => (partitionOf('a', 2) === partition ? 'a' : otherKey);
const otherKey = ['b', 'c', 'd', 'e', 'f'].find((key) => partitionOf(key, 2) !== partitionOf('a', 2))!;
const [cut, whole] = [keyOf(0), keyOf(1)];

const who = { by: 'ann', reason: 'the log was cut' };

const onBoth: readonly CutLog['name'][] = ['memory', 'kafka'];
const onOne: readonly CutLog['name'][] = inject('full') ? onBoth : ['memory'];

describe('a topic that is cut under its consumer', () => {
  let opened: CutLog;
  let database: Database<LedgerDb>;
  let topic: string;
  let name: string;
  let source: FixtureSource;
  let events: ReturnType<typeof testEvents>;
  const services: ConsumerService[] = [];

  beforeEach(async () => {
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl));
    topic = `orders-${tag()}`;
    name = `stock-${tag()}`;
    source = new FixtureSource({ partitions: 2 });
    events = testEvents(topic);
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
    await opened.broker.close();
    await database.close();
  });

  async function open(log: CutLog['name']): Promise<void> {
    opened = openCutLog(log, inject('stack').brokers);
    await makeTopics(opened.broker, [topic, `first-${name}.failures`, `earliest-${name}.failures`], 2);
  }
  const publish = (from: number, to: number) =>
    source.publish(
      opened.broker,
      [cut, whole].flatMap((key) =>
        Array.from({ length: to - from }, (_x, at) => events.counted({ key, n: from + at })),
      ),
    );
  async function start(
    handled?: (n: number) => Promise<void>,
    from: 'first' | 'earliest' = 'first',
  ): Promise<ConsumerService> {
    const consumer = defineConsumer<LedgerDb>(`${from}-${name}`, { from }).on(
      events.counted,
      async (event, { tx }) => {
        await note(tx, event);
        await handled?.(event.data.n);
      },
    );
    const service = consumerService([consumer], { database, broker: opened.broker });
    services.push(service);
    await service.start();
    return service;
  }
  const halted = (service: ConsumerService) =>
    waitUntil(
      () => {
        const found = service.status()[0]!.partitions.filter(({ state }) => state === 'halted');
        return found.length > 0 && found;
      },
      { what: 'a halt' },
    );
  const applied = async (key: string): Promise<readonly number[]> =>
    (await lines(database)).filter((line) => line.key === key).map(({ n }) => n);
  const appliedUntil = (key: string, to: number) =>
    waitUntil(async () => (await applied(key)).length >= to, { what: `${to} effects of ${key}` });
  const upTo = (to: number) => Array.from({ length: to }, (_x, n) => n);

  it.each(onBoth)(
    'G4a: a log truncated beyond the offset of a stopped consumer halts only that partition, by name, and nothing is skipped (%s)',
    async (log) => {
      await open(log);
      await publish(0, 10);
      const before = await start();
      await Promise.all([appliedUntil(cut, 10), appliedUntil(whole, 10)]);
      await before.stop();
      await publish(10, 30);
      await opened.truncate(topic, 0, 20n);
      const service = await start();
      expect(await halted(service)).toMatchObject([
        {
          partition: 0,
          code: 'offset_out_of_range',
          reason: expect.stringContaining(
            `the consumer's offset 10 of ${topic}/0 is not in the log, which has 20 to 30`,
          ),
        },
      ]);
      await appliedUntil(whole, 30);
      expect(await applied(cut)).toEqual(upTo(10));

      // A restart notices it in the same way: the events name their predecessors.
      const admin = await opened.broker.admin();
      const key = { consumer: `first-${name}`, topic, partition: 0 };
      await expect(resumePartition(database, admin, key, who)).rejects.toMatchObject({
        code: 'RESUME_REFUSED',
      });
      expect(await resumePartition(database, admin, key, { ...who, fromEarliest: true })).toMatchObject({
        code: 'offset_out_of_range',
        nextOffset: 20n,
      });
      await waitUntil(() => service.status()[0]!.partitions.some(({ counts }) => counts.gaps === 1), {
        what: 'the gap',
      });
      expect(await halted(service)).toMatchObject([{ partition: 0, code: 'gap' }]);
      expect(await applied(cut)).toEqual(upTo(10));
    },
  );

  it.each(onOne)(
    'a log truncated before the first read is a gap for `first`, and no gap for `earliest` (%s)',
    async (log) => {
      await open(log);
      await publish(0, 10);
      await opened.truncate(topic, 0, 4n);
      expect(await halted(await start())).toMatchObject([{ partition: 0, code: 'gap' }]);
      await appliedUntil(whole, 10);
      expect(await applied(cut)).toEqual([]);
      await start(undefined, 'earliest');
      await appliedUntil(whole, 20);
      await appliedUntil(cut, 6);
      expect(await applied(cut)).toEqual(upTo(10).slice(4));
    },
  );

  it.each(onOne)(
    'a log truncated under a running consumer that is behind halts only that partition, which continues when it is resumed (%s)',
    async (log) => {
      await open(log);
      const gate = Promise.withResolvers<undefined>();
      const entered = Promise.withResolvers<undefined>();
      const service = await start(async () => {
        entered.resolve(undefined);
        await gate.promise;
      });
      // The records are large, each in a separate batch, so that only a few are fetched ahead.
      const pad = 'x'.repeat(400_000);
      for (let n = 0; n < 16; n += 1) {
        const { record, ...place } = source.record(events.counted({ key: cut, n }));
        await sendRecords(opened.broker, [
          { ...place, record: { ...record, value: padded(record.value, pad) } },
        ]);
        if (n === 0) await entered.promise;
      }
      await opened.truncate(topic, 0, 14n);
      gate.resolve(undefined);
      expect(await halted(service)).toMatchObject([{ partition: 0, code: 'offset_out_of_range' }]);
      // The records fetched before the cut are handled, and nothing is passed over.
      const got = await applied(cut);
      expect(got).toEqual(upTo(got.length));
      expect(got.length).toBeLessThan(14);
      await source.publish(opened.broker, [events.counted({ key: whole, n: 0 })]);
      await appliedUntil(whole, 1);

      const admin = await opened.broker.admin();
      const key = { consumer: `first-${name}`, topic, partition: 0 };
      await resumePartition(database, admin, key, { ...who, fromEarliest: true });
      await waitUntil(() => service.status()[0]!.partitions.some(({ counts }) => counts.gaps === 1), {
        what: 'the gap',
      });
      expect(await halted(service)).toMatchObject([{ partition: 0, code: 'gap' }]);
      await resumePartition(database, admin, key, { ...who, pass: true });
      await appliedUntil(cut, got.length + 2);
      expect(await applied(cut)).toEqual([...got, 14, 15]);
    },
  );
});

const padded = (value: OutgoingRecord['value'], pad: string): string =>
  JSON.stringify({ ...(JSON.parse(String(value)) as object), pad });

describe('a log whose end was lost (an unclean election)', () => {
  it('a log that lost its end and grew past the consumer’s offset is detected by the predecessor, not by the offset', async () => {
    const broker = memoryBroker();
    const { database } = await ledgerDatabase(inject('stack').databaseUrl);
    const { counted } = testEvents('orders');
    await makeTopics(broker, ['orders', 'stock.failures'], 1);
    const consumer = defineConsumer<LedgerDb>('stock', { from: 'first' }).on(counted, (event, { tx }) =>
      note(tx, event),
    );
    const source = new FixtureSource({ partitions: 1 });
    const publish = (from: number, to: number) =>
      source.publish(
        broker,
        Array.from({ length: to - from }, (_, at) => counted({ key: 'k', n: from + at })),
      );
    await publish(0, 10);
    let service = consumerService([consumer], { database, broker });
    await service.start();
    await waitUntil(async () => (await lines(database)).length === 10, { what: '10 effects' });
    await service.stop();
    // 5 to 9 are gone from the log; 10 to 19 take their offsets and more.
    broker.cutEnd('orders', 0, 5n);
    await publish(10, 20);
    service = consumerService([consumer], { database, broker });
    await service.start();
    const status = await waitUntil(
      () => service.status()[0]!.partitions.find(({ state }) => state === 'halted'),
      {
        what: 'the halt',
      },
    );
    expect(status).toMatchObject({ code: 'gap' });
    expect(await lines(database)).toHaveLength(10);
    await service.stop();
    await broker.close();
    await database.close();
  });
});
