import type { Admin, Broker } from '@convergekit/broker';
import { records } from '@convergekit/broker/contract';
import { memoryBroker } from '@convergekit/broker/testing';
import type { Database } from '@convergekit/postgres';
import { describe, expect, inject, it } from 'vitest';
import { closing, freshLog, name } from '../fixture/fresh-log.ts';
import { exportLog } from './export-log.ts';

const openLog = () => freshLog(inject('stack').databaseUrl);

async function lengthOf(admin: Admin, topic: string): Promise<number> {
  return (await admin.logEnds(topic)).reduce((sum, { latest }) => sum + Number(latest), 0);
}

/** A broker that acts before its n-th send. */
function interrupted(to: Broker, nth: number, act: () => Promise<unknown>): Broker {
  let sends = 0;
  return {
    driver: to.driver,
    admin: () => to.admin(),
    consumer: (options) => to.consumer(options),
    close: () => to.close(),
    producer: async () => {
      const producer = await to.producer();
      return {
        close: () => producer.close(),
        send: async (batches) => {
          sends += 1;
          if (sends === nth) await act();
          return producer.send(batches);
        },
      };
    },
  };
}

/*
 * Planted faults: an export that compares no ends; one that compares each topic after its own copy; one that ends a
 * partition where nothing is found.
 */
describe('an export of a log that changes under it', () => {
  it('N3: an export copies every record of a log without writers', async () => {
    const { url, broker } = await openLog();
    const [a, b] = [`a-${name()}`, `b-${name()}`];
    const admin = await broker.admin();
    for (const topic of [a, b]) await admin.createTopic({ name: topic, partitions: 2 });
    const producer = await broker.producer();
    for (const partition of [0, 1])
      for (let n = 0; n < 3; n += 1)
        await producer.send([{ topic: a, partition, records: records(5, `${n}`) }]);
    const target = closing(memoryBroker());
    expect(await exportLog({ url, target })).toEqual([
      { topic: a, partitions: 2, records: 30 },
      { topic: b, partitions: 2, records: 0 },
    ]);
    expect(await lengthOf(await target.admin(), a)).toBe(30);
  });

  it.each(['a', 'b'])('N3: an export is refused when topic %s grows after its copy', async (grows) => {
    const { url, broker } = await openLog();
    const [a, b] = [`a-${name()}`, `b-${name()}`];
    const admin = await broker.admin();
    for (const topic of [a, b]) await admin.createTopic({ name: topic, partitions: 1 });
    const producer = await broker.producer();
    const write = (topic: string) => producer.send([{ topic, partition: 0, records: records(5, 'x') }]);
    for (const topic of [a, b]) await write(topic);
    const late = grows === 'a' ? a : b;
    const target = interrupted(closing(memoryBroker()), 2, () => write(late));
    await expect(exportLog({ url, target })).rejects.toMatchObject({ code: 'EXPORT_LOG_MOVED', topic: late });
  });

  it('N3: an export is refused when retention drops records that were not copied yet', async () => {
    const { url, broker, database } = await openLog();
    const topic = name();
    const admin = await broker.admin();
    await admin.createTopic({ name: topic, partitions: 1, config: { 'retention.ms': '1000' } });
    const producer = await broker.producer();
    const large = { key: 'k', value: 'x'.repeat(900_000), headers: [], timestampMs: 0 };
    for (let n = 0; n < 14; n += 1) await producer.send([{ topic, partition: 0, records: [large] }]);
    await olderBy(database, 3);
    await producer.send([{ topic, partition: 0, records: records(5, 'fresh') }]);
    const target = interrupted(closing(memoryBroker()), 2, () =>
      database.executor.query('select converge_log.drop_expired_child()'),
    );
    await expect(exportLog({ url, target })).rejects.toMatchObject({ code: 'EXPORT_LOG_MOVED', topic });
  });
});

/** Moves what is in the log to a child of some days ago, as if it had been written then. */
async function olderBy({ executor }: Database, days: number): Promise<void> {
  await executor.query(`do $$
    declare
      day date := (clock_timestamp() at time zone 'UTC')::date - ${days};
      child text := 'batch_' || to_char(day, 'YYYYMMDD');
    begin
      set local timezone = 'UTC';
      execute format('create table converge_log.%I (like converge_log.batch including all)', child);
      execute format('insert into converge_log.%I select topic_id, partition, last_offset, records, written_at - interval ''${days} days'', bytes from converge_log.batch', child);
      delete from converge_log.batch;
      execute format('alter table converge_log.batch attach partition converge_log.%I for values from (%L) to (%L)',
                     child, day::timestamptz, (day + 1)::timestamptz);
    end $$`);
}
