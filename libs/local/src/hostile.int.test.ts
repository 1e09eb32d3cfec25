import { collect, record, records, values, written } from '@convergekit/broker/contract';
import { waitUntil } from '@convergekit/testing';
import { systemClock } from '@convergekit/core';
import { connect } from '@convergekit/postgres';
import { embeddedPostgres } from '@convergekit/testing/engine';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { closing, freshLog, name, startReader } from './fixture/fresh-log.ts';
import { LocalBroker, localBroker } from './local-broker.ts';

describe('the local log under hostile conditions', () => {
  it('N2, G1k: a writer that dies between its append and its commit leaves neither records nor a gap', async () => {
    const { broker, database } = await freshLog(inject('stack').databaseUrl);
    const topic = name();
    const admin = await broker.admin();
    await admin.createTopic({ name: topic, partitions: 1 });
    const producer = await broker.producer();
    expect(written((await producer.send([{ topic, partition: 0, records: records(3, 'a') }]))[0])).toBe(0n);
    const reader = await startReader(broker, [topic]);
    await waitUntil(() => reader.seen.length === 3, { what: 'the first' });
    const writer = await database.acquire();
    onTestFinished(() => writer.release(true));
    await writer.query('begin');
    const { rows } = await writer.query<{ pid: number }>(
      `with moved as (update converge_log.partition set next_offset = next_offset + 1 returning *),
            written as (insert into converge_log.batch select topic_id, partition, next_offset - 1, 1, clock_timestamp(), 'dead' from moved)
       select pg_backend_pid() as pid from moved`,
    );
    const second = producer.send([{ topic, partition: 0, records: records(2, 'b') }]);
    const blocked = `select 1 from pg_stat_activity
      where wait_event_type = 'Lock' and application_name = 'hostile (log)' and datname = current_database()`;
    await waitUntil(async () => (await database.executor.query(blocked)).rows.length > 0, {
      what: 'the append to wait',
    });
    await database.executor.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    expect(written((await second)[0])).toBe(3n);
    await waitUntil(() => reader.seen.length === 5, { what: 'the rest' });
    expect(values(reader.seen)).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
    expect(await admin.logEnds(topic)).toEqual([{ partition: 0, earliest: 0n, latest: 5n }]);
  });

  // Planted fault: without the row lock (offsets from the statement's own snapshot) two writers get the same offsets.
  it('two writers of the same partitions, in opposite order, get offsets of their own and never deadlock', async () => {
    const { broker } = await freshLog(inject('stack').databaseUrl);
    const topic = name();
    const admin = await broker.admin();
    await admin.createTopic({ name: topic, partitions: 2 });
    const reader = await startReader(broker, [topic]);
    const bases = await Promise.all(
      [
        [0, 1],
        [1, 0],
      ].map(async (order, writer) => {
        const producer = await broker.producer();
        const found: string[] = [];
        for (let round = 0; round < 50; round += 1) {
          const sent = order.map((partition) => ({
            topic,
            partition,
            records: records(2, `${writer}-${round}-`),
          }));
          for (const result of await producer.send(sent))
            found.push(`${result.partition}/${written(result)}`);
        }
        return found;
      }),
    );
    expect(new Set(bases.flat()).size).toBe(200);
    await waitUntil(() => reader.seen.length === 400, { what: 'every record' });
    expect(await admin.logEnds(topic)).toEqual(
      [0, 1].map((partition) => ({ partition, earliest: 0n, latest: 200n })),
    );
    for (const partition of [0, 1]) {
      const offsets = reader.seen
        .filter((one) => one.partition === partition)
        .map(({ offset }) => Number(offset));
      expect(offsets).toEqual(Array.from({ length: 200 }, (_, at) => at));
    }
  });

  it('N2, G1k: readers and a writer continue after Postgres was killed and started again, without loss and in order', async () => {
    const server = await embeddedPostgres();
    onTestFinished(() => server.dispose());
    await server.start();
    const { broker, url } = await freshLog(server.address);
    const topic = name();
    await (await broker.admin()).createTopic({ name: topic, partitions: 2 });
    const reader = await startReader(broker, [topic]);
    const write = async (prefix: string): Promise<void> => {
      for (let tries = 0; ; tries += 1) {
        const writer = localBroker({ url, clientId: 'writer' });
        try {
          const producer = await writer.producer();
          const sent = [0, 1].map((partition) => ({ topic, partition, records: records(20, prefix) }));
          for (const result of await producer.send(sent)) written(result);
          return;
        } catch (error) {
          if (tries > 200) throw error;
          await systemClock.sleep(50);
        } finally {
          await writer.close();
        }
      }
    };
    await write('before-');
    await waitUntil(() => reader.seen.length === 40, { what: 'the first' });
    await server.kill();
    await server.start();
    await write('after-');
    await waitUntil(() => new Set(reader.seen.map((r) => `${r.partition}/${r.offset}`)).size === 80, {
      what: 'the rest',
    });
    for (const partition of [0, 1]) {
      const offsets = reader.seen
        .filter((one) => one.partition === partition)
        .map(({ offset }) => Number(offset));
      expect([...new Set(offsets)]).toEqual(Array.from({ length: 40 }, (_, at) => at));
    }
  });

  it('a record of 40 MB passes where its topic permits it, and a larger one is refused by name', async () => {
    const { broker } = await freshLog(inject('stack').databaseUrl);
    const topic = name();
    const admin = await broker.admin();
    await admin.createTopic({ name: topic, partitions: 1, config: { 'max.message.bytes': '42000000' } });
    const reader = await startReader(broker, [topic], { sessionTimeoutMs: 30_000 });
    const producer = await broker.producer();
    const huge = 'h'.repeat(40_000_000);
    expect(written((await producer.send([{ topic, partition: 0, records: [record(huge)] }]))[0])).toBe(0n);
    const [refused] = await producer.send([
      { topic, partition: 0, records: [record(`${huge}${'h'.repeat(3e6)}`)] },
    ]);
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'MESSAGE_TOO_LARGE', kind: 'halt_topic', topic },
    });
    await waitUntil(() => reader.seen.length === 1, { what: 'the record' });
    expect(reader.seen[0]?.value?.length).toBe(40_000_000);
    await expect(
      admin.createTopic({ name: name(), partitions: 1, config: { 'max.message.bytes': '999999999' } }),
    ).rejects.toMatchObject({ code: 'TOPIC_INVALID' });
    await expect(
      admin.createTopic({ name: name(), partitions: 1, config: { 'cleanup.policy': 'compact' } }),
    ).rejects.toThrow('delete only');
  });

  it('a topic that is deleted under a reader does not keep its other topics waiting', async () => {
    const { broker } = await freshLog(inject('stack').databaseUrl);
    const [kept, deleted] = [name(), name()];
    const admin = await broker.admin();
    for (const topic of [kept, deleted]) await admin.createTopic({ name: topic, partitions: 1 });
    const producer = await broker.producer();
    const reader = await startReader(broker, [kept, deleted]);
    await producer.send([{ topic: deleted, partition: 0, records: records(2, 'gone') }]);
    await waitUntil(() => reader.seen.length === 2, { what: 'the records' });
    await admin.deleteTopic(deleted);
    await producer.send([{ topic: kept, partition: 0, records: records(3, 'kept') }]);
    await waitUntil(() => reader.seen.length === 5, { what: 'the other topic' });
    const [refused] = await producer.send([{ topic: deleted, partition: 0, records: records(1) }]);
    expect(refused).toMatchObject({ ok: false, error: { code: 'TOPIC_UNKNOWN', certainty: 'not_applied' } });
    await expect(collect(admin.read(deleted, 0, 0n, 2n))).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
  });

  it('N2, G1k: members whose clocks are wrong by an hour keep their partitions, since the server judges their silence', async () => {
    const { broker, url } = await freshLog(inject('stack').databaseUrl);
    const topic = name();
    await (await broker.admin()).createTopic({ name: topic, partitions: 2 });
    const members = [-3_600_000, 3_600_000].map((ms) => {
      const clock = {
        ...systemClock,
        now: () => systemClock.now() + ms,
        monotonic: () => systemClock.monotonic() + ms,
      };
      return closing(new LocalBroker({ url, clientId: 'wrong' }, clock));
    });
    const group = { groupId: name(), sessionTimeoutMs: 1_500 };
    const [early, late] = await Promise.all(members.map((member) => startReader(member, [topic], group)));
    await waitUntil(() => early?.assigned.at(-1) === 1 && late?.assigned.at(-1) === 1, {
      what: 'a partition each',
    });
    const rounds = [early?.assigned.length, late?.assigned.length];
    const producer = await broker.producer();
    const begin = systemClock.monotonic();
    let sent = 0;
    for (; systemClock.monotonic() < begin + 3_500; sent += 2) {
      for (const partition of [0, 1]) await producer.send([{ topic, partition, records: records(1) }]);
      await waitUntil(() => (early?.seen.length ?? 0) + (late?.seen.length ?? 0) === sent + 2, {
        what: 'both',
      });
    }
    expect([early?.assigned.length, late?.assigned.length]).toEqual(rounds);
  });

  it('a role that may not create the log is refused in one sentence that names the command', async () => {
    const { database, url } = await freshLog(inject('stack').databaseUrl);
    const role = `guest_${name().replace('topic-', '')}`;
    await database.executor.query(`create role ${role} login password 'guest'`);
    onTestFinished(async () => {
      await database.executor.query(`drop role ${role}`);
    });
    const guest = new URL(url);
    guest.username = role;
    guest.password = 'guest';
    const refused = closing(localBroker({ url: guest.href, clientId: 'guest' }));
    await expect(refused.admin()).rejects.toMatchObject({ code: 'LOCAL_LOG_MISSING', kind: 'configuration' });
    await expect(refused.admin()).rejects.toThrow('converge migrate');
    const owner = connect({ url, max: 1 });
    onTestFinished(() => owner.close());
    const rows = await owner.executor.query(`select 1 from pg_namespace where nspname = 'converge_log'`);
    expect(rows.rows).toEqual([]);
  });
});
