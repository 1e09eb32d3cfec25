import { partitionId } from '@convergekit/broker/engine';
import { type DriverName, driverNames, kafkaBroker } from '@convergekit/kafka';
import { waitUntil } from '@convergekit/testing';
import { afterEach, expect, inject, it } from 'vitest';
import { type ConsumerDefinition, defineConsumer } from '../define/define-consumer.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { type ConsumerService, consumerService } from '../service/consumer-service.ts';

/**
 * An operator rewinds every group to zero: Kafka's offsets and the inbox's own. Planted fault: with the watermark not
 * moved (`marks` of `openSlice` left out), all events are applied a second time here, by both consumers.
 */

const EVENTS = inject('full') ? 10_000 : 1_500;
const AT_ONCE = EVENTS / 5;
const partitions = 3;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const open = (driver: DriverName) => {
  const broker = kafkaBroker({
    driver,
    brokers: inject('stack').brokers.split(','),
    clientId: 'rewind-test',
  });
  closers.push(() => broker.close());
  return broker;
};

/** Resets the group's offsets to zero, as `kafka-consumer-groups --reset-offsets --to-earliest` does. */
async function resetOffsets(driver: DriverName, groupId: string, topic: string): Promise<void> {
  const broker = open(driver);
  const client = broker.consumer({
    groupId,
    topics: [topic],
    handlers: {
      assigned: (places) =>
        Promise.resolve(new Map(places.map((at) => [partitionId(at.topic, at.partition), 0n]))),
      batch: (_batch, control) => control.commit(0n).finally(() => control.pause()),
      revoked: () => undefined,
    },
  });
  await client.start();
  const admin = await broker.admin();
  await waitUntil(
    async () => {
      const committed = await admin.committed(groupId, topic);
      return committed.size === partitions && [...committed.values()].every((offset) => offset === 0n);
    },
    { what: `the offsets of ${groupId} to be zero` },
  );
  await client.stop();
}

it(`G3a: a rewind after ${EVENTS} events has no second effect, whichever driver and kind of handler`, async () => {
  const broker = open('kafkajs');
  const { database } = await ledgerDatabase(inject('stack').databaseUrl, 20);
  closers.push(() => database.close());
  const topic = `orders-${tag()}`;
  const { counted, priced } = testEvents(topic);
  const one = defineConsumer<LedgerDb>(`one-${tag()}`, { from: 'first' }).on(
    counted,
    async (event, { tx, emit }) => {
      await note(tx, event);
      emit(priced(event.data));
    },
  );
  const many = defineConsumer<LedgerDb>(`many-${tag()}`, { from: 'first' }).onBatch(
    counted,
    async (events, { tx }) => {
      const rows = events.map(({ id, data }) => ({ event_id: id, key: data.key, n: data.n + EVENTS }));
      await tx.insertInto('ledger').values(rows).execute();
    },
  );
  const groups: readonly (readonly [ConsumerDefinition<LedgerDb>, DriverName])[] = [
    [one, driverNames[0]],
    [many, driverNames[1]],
  ];
  await makeTopics(broker, [topic, one.failureTopic, many.failureTopic], partitions);
  const source = new FixtureSource({ partitions });
  for (let from = 0; from < EVENTS; from += AT_ONCE)
    await source.publish(
      broker,
      Array.from({ length: AT_ONCE }, (_, n) => counted({ key: `k${n % 101}`, n: from + n })),
    );

  const start = async (): Promise<readonly ConsumerService[]> => {
    const services = groups.map(([group, driver]) =>
      consumerService([group], { database, broker: open(driver) }),
    );
    for (const service of services) {
      closers.push(() => service.stop());
      await service.start();
    }
    return services;
  };
  const counts = async () => {
    const { rows } = await database.executor.query<
      Record<'lines' | 'events' | 'emitted' | 'letters', number>
    >(
      `select count(*)::int as lines, count(distinct n)::int as events,
              (select count(*)::int from converge.outbox) as emitted,
              (select count(*)::int from converge.parked) as letters from ledger`,
    );
    return rows[0]!;
  };
  const first = await start();
  await waitUntil(async () => (await counts()).lines >= 2 * EVENTS, {
    what: 'all effects',
  });
  for (const service of first) await service.stop();
  const once = { lines: 2 * EVENTS, events: 2 * EVENTS, emitted: EVENTS, letters: 0 };
  expect(await counts()).toEqual(once);

  await database.executor.query('update converge.inbox_partition set next_offset = 0');
  for (const [{ name }, driver] of groups) await resetOffsets(driver, name, topic);
  const second = await start();
  const read = (service: ConsumerService): bigint =>
    service.status()[0]!.partitions.reduce((sum, { nextOffset }) => sum + nextOffset, 0n);
  await waitUntil(() => second.every((service) => read(service) === BigInt(EVENTS)), {
    what: 'both to have read the log again',
  });
  expect(await counts()).toEqual(once);
  for (const service of second) {
    const { partitions: all } = service.status()[0]!;
    expect(all.reduce((sum, one) => sum + one.counts.duplicates, 0)).toBe(EVENTS);
  }
  await source.publish(broker, [counted({ key: 'k', n: 2 * EVENTS + 1 })]);
  await waitUntil(async () => (await counts()).lines > 2 * EVENTS + 1, { what: 'the next event' });
  expect(await counts()).toEqual({
    lines: once.lines + 2,
    events: once.events + 2,
    emitted: EVENTS + 1,
    letters: 0,
  });
});
