import { collect, records, values, written } from '@convergekit/broker/contract';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, inject, it } from 'vitest';
import { freshLog, name, startReader } from './fixture/fresh-log.ts';

/** Drops what has passed its retention as of `days` from now; returns the number of children. */
const dropSql = `select converge_log.drop_child_before(clock_timestamp() + $1 * interval '1 day') as child`;

describe('retention of the local log', () => {
  it('G1l: a child is dropped when its records have passed their retention, and appends continue behind it', async () => {
    const { broker, database } = await freshLog(inject('stack').databaseUrl);
    const topic = name();
    const admin = await broker.admin();
    await admin.createTopic({ name: topic, partitions: 2, config: { 'retention.ms': '86400000' } });
    const producer = await broker.producer();
    await producer.send([{ topic, partition: 0, records: records(5, 'old') }]);
    const drop = async (days: number): Promise<number> => {
      let dropped = 0;
      for (;;) {
        const { rows } = await database.executor.query<{ child: string | null }>(dropSql, [days]);
        if (rows[0]?.child == null) return dropped;
        dropped += 1;
      }
    };
    expect(await drop(0)).toBe(0);
    expect(await collect(admin.read(topic, 0, 0n, 9n))).toHaveLength(5);
    // Today's child and the empty ones of the next days.
    expect(await drop(10)).toBe(3);
    expect(await admin.logEnds(topic)).toEqual([
      { partition: 0, earliest: 5n, latest: 5n },
      { partition: 1, earliest: 0n, latest: 0n },
    ]);
    expect(written((await producer.send([{ topic, partition: 0, records: records(2, 'new') }]))[0])).toBe(5n);
    const reader = await startReader(broker, [topic]);
    await waitUntil(() => reader.seen.length === 2, { what: 'the new records' });
    expect(values(reader.seen)).toEqual(['new0', 'new1']);
  });

  it('G1l: a topic that is kept for ever keeps its child, also with the records of other topics', async () => {
    const { broker, database } = await freshLog(inject('stack').databaseUrl);
    const [short, long] = [name(), name()];
    const admin = await broker.admin();
    await admin.createTopic({ name: short, partitions: 1, config: { 'retention.ms': '1000' } });
    await admin.createTopic({ name: long, partitions: 1, config: { 'retention.ms': '-1' } });
    const producer = await broker.producer();
    for (const topic of [short, long]) await producer.send([{ topic, partition: 0, records: records(1) }]);
    const children = async (): Promise<number> =>
      (
        await database.executor.query(
          `select from pg_inherits where inhparent = 'converge_log.batch'::regclass`,
        )
      ).rowCount;
    await database.executor.query(dropSql, [400]);
    await database.executor.query(dropSql, [400]);
    await database.executor.query(dropSql, [400]);
    expect(await children()).toBe(1);
    expect(await collect(admin.read(long, 0, 0n, 9n))).toHaveLength(1);
    await admin.deleteTopic(long);
    await database.executor.query(dropSql, [400]);
    expect(await children()).toBe(0);
  });

  it('G1l: a role without rights of its own can neither drop parts of the log nor add some', async () => {
    const { broker, database } = await freshLog(inject('stack').databaseUrl);
    await broker.admin();
    const { rows } = await database.executor.query<{ given: boolean; open: boolean }>(
      `select has_function_privilege('public', 'converge_log.drop_child_before(timestamptz)', 'execute') as given,
              has_function_privilege('public', 'converge_log.drop_expired_child()', 'execute')
                or has_function_privilege('public', 'converge_log.make_children()', 'execute') as open`,
    );
    expect(rows).toEqual([{ given: false, open: false }]);
  });
});
