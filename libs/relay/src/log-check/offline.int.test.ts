import { waitUntil } from '@convergekit/testing';
import { describe, expect, inject, test } from 'vitest';
import { requestAcceptance } from '../topics/accept-sql.ts';
import { dump, restore } from '../fixture/dump.ts';
import { fastClock } from '../fixture/fast-clock.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { withAdmin, withoutLeader } from '../fixture/other-admin.ts';
import { leads, publishedTwice } from '../fixture/published.ts';
import { idsIn, readAll, refusedWith, timing } from '../fixture/restored.ts';
import type { Relay } from '../relay.ts';
import { closeAfterEach, heldCodes, onClose, started } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * A partition that cannot be asked at a takeover, and what it costs.
 * Planted faults, each seen to fail here:
 * - `Deadline.read` rethrows: the relay never leads;
 * - `logEnds` for `partitionEnds`, so the ends of a topic are asked for as a whole: the rest of the topic waits;
 * - no `compareAgain` in the upkeep loop: a restored database publishes over its past;
 * - a partition compared again as if it were all of its topic (`recorded.length`): the relay continues behind a lost end;
 * - no `holdUnread` in `beginCatchUp`, or in `followAcceptance`: unread partitions are sent to with the others.
 */

closeAfterEach();

const alarmsOf = (service: Relay): string[] =>
  service.status().alarms.map(({ name, subject }) => `${name} ${subject ?? ''}`);

describe('a partition without a leader', () => {
  test('G5h: a partition without a leader is halted by itself at a takeover: the rest of its topic is published, an alarm names it, and its events follow in order when it is back', async () => {
    const { database, broker, offline, other, service } = await publishedTwice(3);
    const lengths = () => [0, 1, 2].map((partition) => broker.records(offline, partition).length);
    const before = lengths();
    expect(Math.min(...before)).toBeGreaterThan(0);
    await service.stop();
    broker.offline.add(`${offline}/1`);
    let next = service;
    // The second takeover finds the topic held, with events of its partitions in the log beyond the hold.
    for (const round of [2, 3]) {
      await next.stop();
      next = await started({ database, broker, ...timing, recheckMs: 30 });
      await writeMany(database, offline, 300);
      await writeMany(database, other, 300);
      const flowing = before.map((length, partition) => (partition === 1 ? length : length * round));
      await waitUntil(() => lengths().join() === flowing.join(), { what: 'the rest of its topic' });
      await untilDrained(database);
      await waitUntil(() => alarmsOf(next).join() === `topic_not_compared ${offline}/1`, {
        what: 'the alarm',
      });
    }
    // The events that were read again from the hold on have joined the others.
    await waitUntil(() => heldCodes(next).join() === 'LOG_NOT_COMPARED', { what: 'the topic to flow' });
    expect(await readLog(broker, other)).toHaveLength(900);
    expect(next.status()).toMatchObject({
      held: [{ topic: offline, partition: 1, state: 'halted', code: 'LOG_NOT_COMPARED' }],
      alarms: [{ text: expect.stringContaining(`${offline}/1 does not exist or has no leader`) as string }],
    });
    broker.offline.clear();
    await waitUntil(() => heldCodes(next).length === 0, { what: 'the partition to flow again' });
    await waitUntil(() => alarmsOf(next).length === 0, { what: 'the alarm to clear' });
    await untilDrained(database);
    // The two topics share keys, and so a key's count: the chain of predecessors shows the order within a topic.
    const expected = { ...faultless, outOfOrder: expect.any(Number) as number };
    for (const topic of [offline, other])
      expect(await checkLog(database.executor, topic, await readLog(broker, topic))).toMatchObject({
        ...expected,
        events: 900,
        duplicates: 0,
      });
  });

  test('a partition without a leader that hides the lost past of a restored database is not sent to: the relay refuses when it is back', async () => {
    const { database, broker, offline, other, service } = await publishedTwice();
    const saved = await dump(database);
    await writeMany(database, offline, 300);
    await untilDrained(database);
    await service.stop();
    const restored = await restore(inject('stack').databaseUrl, saved);
    onClose(() => restored.database.close());
    // The database is restored in place: only the log shows that it went back.
    await restored.database.executor.query(
      'update converge.relay_source set system_identifier = null, database_oid = null, next_xid = null',
    );
    let isOffline = true;
    const patchy = withAdmin(broker, (admin) => ({
      read: (topic, ...range) => {
        if (isOffline && topic === offline) throw withoutLeader(topic, range[0]);
        return admin.read(topic, ...range);
      },
    }));
    const next = await started({ database: restored.database, broker: patchy, ...timing, recheckMs: 30 });
    await leads(next);
    await writeMany(restored.database, offline, 300);
    await writeMany(restored.database, other, 300);
    await waitUntil(async () => (await readAll(broker, other)).length === 600, { what: 'the other topic' });
    isOffline = false;
    await refusedWith(next, 'database_went_back');
    const ours = new Set(await idsIn(restored.database, offline));
    const log = await readAll(broker, offline);
    expect(log).toHaveLength(600);
    expect(log.filter(({ id }) => ours.has(id))).toHaveLength(300);
  });

  test('a partition without a leader that alone hides a lost past is not sent to while the others of its topic are: the relay refuses when it is back', async () => {
    const { database, broker, offline, service } = await publishedTwice(3);
    const saved = await dump(database);
    const key = broker.records(offline, 1)[0]?.key?.toString() ?? '';
    await database.executor.query(
      `insert into converge.outbox (event_id, topic, key, type, headers, payload)
       values (gen_random_uuid(), $1, $2, 'test.event', '{}', '{}')`,
      [offline, key],
    );
    await untilDrained(database);
    await service.stop();
    const lengths = () => [0, 1, 2].map((partition) => broker.records(offline, partition).length);
    const before = lengths();
    const restored = await restore(inject('stack').databaseUrl, saved);
    onClose(() => restored.database.close());
    await restored.database.executor.query(
      'update converge.relay_source set system_identifier = null, database_oid = null, next_xid = null',
    );
    broker.offline.add(`${offline}/1`);
    const next = await started({ database: restored.database, broker, ...timing, recheckMs: 30 });
    await writeMany(restored.database, offline, 300);
    const [first = 0, second = 0, third = 0] = before;
    await waitUntil(() => lengths().join() === [2 * first, second, 2 * third].join(), {
      what: 'the rest of its topic',
    });
    broker.offline.clear();
    await refusedWith(next, 'database_went_back');
    expect(lengths()[1]).toBe(second);
  });

  test('a partition that comes back without its end is not sent to: the relay refuses', async () => {
    const { database, broker, offline, service } = await publishedTwice(3);
    const { length: first } = broker.records(offline, 0);
    await service.stop();
    broker.offline.add(`${offline}/1`);
    const next = await started({ database, broker, ...timing, recheckMs: 30 });
    await writeMany(database, offline, 300);
    await waitUntil(() => broker.records(offline, 0).length === 2 * first, {
      what: 'the others to be published',
    });
    broker.cutEnd(offline, 1, 10n);
    broker.offline.clear();
    await refusedWith(next, 'log_behind_cursor');
    expect(broker.records(offline, 1)).toHaveLength(10);
  });

  test('a partition without a leader is not drained with its old partition count before it was compared', async () => {
    const { database, broker, offline, service } = await publishedTwice(3);
    const lengths = () => [0, 1, 2].map((partition) => broker.records(offline, partition).length);
    const [first = 0, second = 0, third = 0] = lengths();
    await service.stop();
    // The broker takes records, and does not report where the log ends.
    let isOffline = true;
    const patchy = withAdmin(broker, (admin) => ({
      partitionEnds: async (name) =>
        (await admin.partitionEnds(name)).map((ends) =>
          isOffline && name === offline && ends.partition === 1 ? withoutLeader(offline, 1) : ends,
        ),
      describeTopic: async (name) => {
        const found = await admin.describeTopic(name);
        return found === undefined || name !== offline ? found : { ...found, partitions: 4 };
      },
    }));
    const next = await started({ database, broker: patchy, ...timing, recheckMs: 30 });
    await writeMany(database, offline, 300);
    await waitUntil(() => heldCodes(next).includes('PARTITION_COUNT_CHANGED'), { what: 'the halt' });
    await waitUntil(() => requestAcceptance(database.executor, offline, 4), {
      what: 'the hold to be written',
    });
    await waitUntil(() => lengths().join() === [2 * first, second, 2 * third].join(), { what: 'the drain' });
    expect(next.status()).toMatchObject({
      held: [{ topic: offline }, { topic: offline, partition: 1, code: 'LOG_NOT_COMPARED' }],
    });
    isOffline = false;
    await waitUntil(() => lengths()[1] === 2 * second, { what: 'the end of the drain' });
  });

  test('a partition without a leader halts a new topic alone', async () => {
    const { database, broker, other, service } = await publishedTwice();
    await service.stop();
    const fresh = await createTopic(broker, topicName(), 1);
    let isOffline = true;
    const patchy = withAdmin(broker, (admin) => ({
      partitionEnds: (name) =>
        isOffline && name === fresh ? Promise.reject(withoutLeader(fresh, 0)) : admin.partitionEnds(name),
    }));
    const next = await started({ database, broker: patchy, ...timing, recheckMs: 30 });
    await writeMany(database, fresh, 300);
    await writeMany(database, other, 300);
    await waitUntil(async () => (await readLog(broker, other)).length === 600, {
      what: 'the other topic to be published',
    });
    expect(heldCodes(next)).toEqual(['LOG_NOT_COMPARED']);
    expect(next.status()).toMatchObject({ state: 'leading', term: 2n });
    isOffline = false;
    await untilDrained(database);
    await waitUntil(async () => (await readLog(broker, fresh)).length === 300, { what: 'its events' });
  });

  test('a partition that never answers is given up in time', async () => {
    const { database, broker, offline, other, service } = await publishedTwice();
    await service.stop();
    let isHanging = true;
    const patchy = withAdmin(broker, (admin) => ({
      partitionEnds: (name) =>
        isHanging && name === offline ? new Promise(() => undefined) : admin.partitionEnds(name),
    }));
    // The partition is given up after ten seconds of this clock.
    const clock = fastClock(20);
    const next = await started({
      database,
      broker: patchy,
      clock,
      leaseMs: 60_000,
      saveMs: 200,
      recheckMs: 600,
    });
    await writeMany(database, other, 300);
    await waitUntil(async () => (await readLog(broker, other)).length === 600, {
      what: 'the other topic to be published',
    });
    expect(heldCodes(next)).toEqual(['LOG_NOT_COMPARED']);
    isHanging = false;
    await waitUntil(() => heldCodes(next).length === 0, { what: 'the topic to flow again' });
  });
});
