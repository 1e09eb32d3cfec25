import { LogLink } from '@convergekit/broker/engine';
import { systemClock } from '@convergekit/core';
import { manualClock, waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { closing, freshLog, name } from '../fixture/fresh-log.ts';
import { LocalBroker } from '../local-broker.ts';
import { LogSession } from '../session/log-session.ts';
import { LogWakeUps } from '../session/wake-ups.ts';
import { storeOn } from '../log/store.ts';

const STEP_MS = 200;

// Seen to fail without the bound of 0: the wait is -100 ms, and Node warns of a negative timeout.
it('a read whose time passes between two looks at the clock does not sleep for less than nothing', async () => {
  const { broker, database } = await freshLog(inject('stack').databaseUrl);
  const topic = name();
  await (await broker.admin()).createTopic({ name: topic, partitions: 1 });
  let time = 0;
  const slept: number[] = [];
  const clock = {
    now: () => systemClock.now(),
    monotonic: () => (time += STEP_MS),
    sleep: (ms: number) => Promise.resolve(void slept.push(ms)),
  };
  const session = new LogSession({ database, clock: systemClock, requestTimeoutMs: 60_000 });
  const wakeUps = new LogWakeUps(session, systemClock);
  onTestFinished(() => wakeUps.close());
  const link = new LogLink({
    store: storeOn(session),
    wakeUps,
    groupId: name(),
    topics: [topic],
    sessionTimeoutMs: 10_000,
    clock,
  });
  onTestFinished(() => link.close());
  await link.connect();
  const want = { topic, partition: 0, offset: 0n, maxBytes: 1_000 };
  // Looks at 400 and 600 ms, before the end at 700 ms; the wait is computed at 800 ms.
  await link.fetch(0, [want], 2.5 * STEP_MS);
  expect(slept).toEqual([0]);
});

// Seen to fail when the look-up has the limit of the member's session: the service does not start.
it('a member with a short session starts although its first look-up takes longer than half of the session', async () => {
  const { url, broker, database } = await freshLog(inject('stack').databaseUrl);
  const topic = name();
  await (await broker.admin()).createTopic({ name: topic, partitions: 1 });
  const clock = manualClock();
  const slow = closing(new LocalBroker({ url, clientId: 'slow' }, clock));
  const blocker = await database.pool.connect();
  await blocker.query('begin');
  await blocker.query('lock table converge_log.topic in access exclusive mode');
  const consumer = slow.consumer({
    groupId: name(),
    topics: [topic],
    sessionTimeoutMs: 3_000,
    handlers: {
      assigned: () => Promise.resolve(new Map()),
      batch: () => Promise.resolve(),
      revoked: () => Promise.resolve(),
    },
  });
  const starting = consumer.start();
  starting.catch(() => undefined);
  await waitUntil(() => waitsForLock(database.executor), { what: 'the look-up' });
  await clock.advance(2_000);
  await blocker.query('rollback');
  blocker.release();
  await starting;
  await consumer.stop();
});

// Planted fault: silence that is counted forwards alone. The service waits for the dead member as long as the clock went back.
it('a member starts although a dead one of its group was seen in the future, since the clock was set back', async () => {
  const { broker, database } = await freshLog(inject('stack').databaseUrl);
  const [topic, groupId] = [name(), name()];
  const admin = await broker.admin();
  await admin.createTopic({ name: topic, partitions: 2 });
  await database.executor.query('insert into converge_log.consumer_group (id) values ($1)', [groupId]);
  await database.executor.query(
    `insert into converge_log.member (group_id, id, topics, session_ms, waiting, seen_at)
     values ($1, gen_random_uuid(), array[$2::text], 10000, false, clock_timestamp() + interval '1 hour')`,
    [groupId, topic],
  );
  expect(await admin.members(groupId)).toEqual([]);
  const assigned = Promise.withResolvers<number>();
  const consumer = broker.consumer({
    groupId,
    topics: [topic],
    handlers: {
      assigned: (partitions) => {
        assigned.resolve(partitions.length);
        return Promise.resolve(new Map());
      },
      batch: () => Promise.resolve(),
      revoked: () => Promise.resolve(),
    },
  });
  onTestFinished(() => consumer.stop());
  await consumer.start();
  expect(await assigned.promise).toBe(2);
});
