import { randomUUID } from 'node:crypto';
import { memoryBroker } from '@convergekit/broker/testing';
import { type Database, executorOf } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { type FixtureRecord, FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';

/**
 * Tests of repeated events: at the same time, in any order. Planted faults, each tried here:
 * - the fence without `next_offset = $4`: the version of the one row is above 1;
 * - foreign events without their rows (`withoutRepeats` gives back all steps): one line for each copy;
 * - `judge` without its duplicates: later copies halt the partition or are applied.
 */

describe('an event that is delivered again', () => {
  let database: Database<LedgerDb>;

  beforeAll(async () => {
    ({ database } = await ledgerDatabase(inject('stack').databaseUrl, 30));
    await database.executor.query('create table stock (sku text primary key, version int not null)');
    // The topic ids are cleared: each memory broker gave its topic another id, which is not tested here.
    await database.executor.query(
      `create function no_topic_id() returns trigger language plpgsql as 'begin new.topic_id := null; return new; end'`,
    );
    await database.executor.query(
      'create trigger no_topic_id before insert on converge.inbox_partition for each row execute function no_topic_id()',
    );
  });
  afterAll(() => database.close());

  const settled = (service: ConsumerService, end: number) =>
    waitUntil(
      () => {
        const [partition] = service.status()[0]!.partitions;
        return partition?.nextOffset === BigInt(end) || partition?.state === 'halted';
      },
      { what: `offset ${end} or a halt`, everyMs: 2 },
    );

  it('S20: an event that is delivered a hundred times at once to twenty members takes effect once', async () => {
    const name = `stock-${tag()}`;
    const { counted } = testEvents('orders');
    const record = new FixtureSource({ partitions: 1 }).record(counted({ key: 'sku-1', n: 1 }));
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(
      counted,
      async ({ data }, { tx }) => {
        await executorOf(tx).query(
          `insert into stock values ($1, 1) on conflict (sku) do update set version = stock.version + 1`,
          [data.key],
        );
      },
    );
    const brokers = Array.from({ length: 20 }, () => memoryBroker());
    for (const broker of brokers) {
      await makeTopics(broker, ['orders', `${name}.failures`], 1);
      await sendRecords(
        broker,
        Array.from({ length: 5 }, () => record),
      );
    }
    const services = brokers.map((broker) => consumerService([consumer], { database, broker }));
    await Promise.all(services.map((service) => service.start()));
    await Promise.all(services.map((service) => settled(service, 5)));
    const { rows } = await database.executor.query('select sku, version from stock');
    expect(rows).toEqual([{ sku: 'sku-1', version: 1 }]);
    await Promise.all(services.map((service) => service.stop()));
    await Promise.all(brokers.map((broker) => broker.close()));
  });

  it('an event without a position that is delivered in four partitions at once takes effect once', async () => {
    const name = `stock-${tag()}`;
    const topic = `orders-${tag()}`;
    const { counted } = testEvents(topic);
    const broker = memoryBroker();
    await makeTopics(broker, [topic, `${name}.failures`], 4);
    const originals = Array.from({ length: 10 }, (_, n) => counted({ key: `${topic}-${n}`, n }));
    const copies = [0, 1, 2, 3].flatMap((partition) => {
      // The partitions have the events in different orders, so that slices wait for each other's rows crosswise.
      const turned = partition % 2 === 0 ? originals : originals.toReversed();
      return Array.from({ length: 25 }, () => turned).flatMap((events) =>
        events.map((event): FixtureRecord => ({ ...foreignRecord(event, event.key, 4), partition })),
      );
    });
    await sendRecords(broker, copies);
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
      note(tx, event),
    );
    const service = consumerService([consumer], { database, broker, sliceSize: 7 });
    await service.start();
    const total = (of: 'duplicates' | 'handled' | 'deadLetters') =>
      service.status()[0]!.partitions.reduce((sum, { counts }) => sum + counts[of], 0);
    await waitUntil(() => total('handled') + total('duplicates') + total('deadLetters') === 1_000, {
      what: 'all 1,000 copies',
    });
    expect(total('handled')).toBe(10);
    const mine = (await lines(database)).filter(({ key }) => key.startsWith(topic));
    expect(mine.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(originals.map((_, n) => n));
    await service.stop();
    await broker.close();
  });

  const count = 12;
  /** Resends of relays that crash: they begin at a passed place and go further than before. */
  const resent = fc
    .array(fc.record({ back: fc.nat(count), on: fc.integer({ min: 1, max: count }) }), { maxLength: 8 })
    .map((windows) => {
      const log: number[] = [];
      let sent = 0;
      for (const { back, on } of [...windows, { back: 0, on: count }]) {
        for (let n = Math.max(0, sent - back); n < Math.min(count, sent + on); n += 1) log.push(n);
        sent = Math.max(sent, (log.at(-1) ?? -1) + 1);
      }
      return { log, honest: true };
    });
  /** Orders that no relay produces: any order, any number of copies, gaps. */
  const scrambled = fc
    .array(fc.nat(count - 1), { minLength: 1, maxLength: 30 })
    .map((log) => ({ log, honest: false }));
  /** A log that lost some of its records. */
  const holed = fc
    .tuple(resent, fc.array(fc.nat(), { minLength: 1, maxLength: 3 }))
    .map(([{ log }, gone]) => ({
      log: log.filter((_, at) => !gone.some((one) => one % log.length === at)),
      honest: false,
    }));
  const runs = fc.record({
    deliveries: fc.oneof(resent, scrambled, holed),
    /** The places to which the position is set back between runs, as shares of the log. */
    rewinds: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 2 }),
    sliceSize: fc.constantFrom(1, 3, 500),
    keys: fc.integer({ min: 1, max: 3 }),
  });

  it('S65: events delivered in any order and number take effect once and in order, or their partition halts at the first gap', async () => {
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(runs, async ({ deliveries: { log, honest }, rewinds, sliceSize, keys }) => {
        const [name, topic, broker] = [`stock-${tag()}`, `orders-${tag()}`, memoryBroker()];
        const { counted } = testEvents(topic);
        await makeTopics(broker, [topic, `${name}.failures`], 1);
        const source = new FixtureSource({ partitions: 1 });
        // The additional last event names its predecessor, so that a missing event is seen.
        const records = Array.from({ length: count + 1 }, (_, n) =>
          source.record(counted({ key: `${topic}-${n % keys}`, n }), randomUUID()),
        );
        const delivered = [...log, count];
        await sendRecords(
          broker,
          delivered.map((n) => records[n]!),
        );
        const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
          note(tx, event),
        );
        let halts = false;
        for (const rewind of [...rewinds, undefined]) {
          const service = consumerService([consumer], { database, broker, sliceSize });
          await service.start();
          await settled(service, delivered.length);
          halts = service.status()[0]!.partitions[0]!.state === 'halted';
          await service.stop();
          if (rewind === undefined) continue;
          await database.executor.query(
            `update converge.inbox_partition set next_offset = floor(next_offset * $2::float8), state = 'running',
               halted_code = null, halted_reason = null, halted_at = null where consumer = $1`,
            [name, rewind],
          );
        }
        await broker.close();
        const found = (await lines(database)).filter(({ key }) => key.startsWith(topic)).map(({ n }) => n);
        expect(found).toEqual(Array.from({ length: found.length }, (_, n) => n));
        // No event is missing without a halt; a relay's own resends never halt.
        expect(halts).toBe(found.length < records.length);
        if (honest) expect(halts).toBe(false);
        kinds.add(honest ? 'resent' : halts ? 'halted' : 'whole');
        if (rewinds.length > 0) kinds.add('rewound');
      }),
      { numRuns: inject('full') ? 30 : 10, seed: 7 },
    );
    expect([...kinds].toSorted()).toEqual(['halted', 'resent', 'rewound', 'whole']);
  });
});
