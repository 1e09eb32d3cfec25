import type { OutgoingBatch } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { fastClock } from '../fixture/fast-clock.ts';
import { hookedBroker, isOf, writeBut } from '../fixture/hooked-broker.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * Planted faults, each seen to fail here:
 * - a partition halted only when the read-ahead is full: no alarm names it;
 * - a partition that is tried again is shown as if it flowed: its alarm comes and goes;
 * - its whole topic halted: the partition is never named, and the others of its topic stand still;
 * - held from where the main lane is, or its topic's, instead of its own lane or its topic's: 4,200 and 5,712 events are lost;
 * - failing partitions in one send with the others: each retry costs the others their producer;
 * - a slow send that holds back all others: the sound ones wait for the broker that does not answer.
 */

closeAfterEach();

test('G5h: a partition that takes nothing is halted by itself although there is room: an alarm names it, the rest of its topic and done_tick continue, also after a restart, and it catches up in order', async () => {
  const { database } = await withDatabase();
  const inner = closing(memoryBroker());
  const topic = await createTopic(inner, topicName(), 4);
  const stuck = { now: false, isApart: false };
  // What the status says of the partition whenever it is tried again.
  const shown: unknown[] = [];
  const heldCodes = (): unknown[] => {
    const status = service.status();
    return status.state === 'leading' ? status.held.map(({ state, code }) => [state, code]) : [];
  };
  // The sends that mix the stuck partition with others, and the sends with it alone.
  const sends = { mixed: 0, alone: 0 };
  const broker = hookedBroker(inner, {
    send: (batches, write) => {
      if (stuck.now && batches.some(isOf(topic, 2))) sends[batches.length > 1 ? 'mixed' : 'alone'] += 1;
      if (stuck.isApart && batches.every(isOf(topic, 2))) shown.push(...heldCodes());
      return writeBut(batches, write, (batch) => stuck.now && isOf(topic, 2)(batch));
    },
  });
  // A partition that fails is halted after five seconds of this clock.
  const options = { database, broker, clock: fastClock(10), leaseMs: 60_000, saveMs: 200, recheckMs: 2_000 };
  const lengths = () => [0, 1, 2, 3].map((partition) => inner.records(topic, partition).length);
  const held = async () =>
    (
      await database.executor.query<{ held: string | null }>(
        'select held_at::text as held from converge.relay_topic',
      )
    ).rows[0]?.held;
  let service = await started(options);
  await writeMany(database, topic, 300);
  await untilDrained(database);
  const [, , before] = lengths();
  stuck.now = true;
  const alarms = () => service.status().alarms.map(({ name, subject }) => `${name} ${subject ?? ''}`);
  const untilApart = (): Promise<unknown> =>
    waitUntil(
      async () => {
        await writeMany(database, topic, 300);
        return alarms().includes(`partition_stuck ${topic}/2`);
      },
      { what: 'the partition to be halted' },
    );
  await untilApart();
  stuck.isApart = true;
  for (let round = 0; round < 10; round += 1) {
    await writeMany(database, topic, 300);
    await untilDrained(database);
  }
  stuck.isApart = false;
  expect(shown.length).toBeGreaterThan(0);
  expect(new Set(shown.map(String))).toEqual(new Set(['halted,PARTITION_STUCK']));
  expect(sends.mixed).toBeLessThanOrEqual(1);
  expect(sends.alone).toBeGreaterThan(1);
  expect(alarms()).toEqual([`partition_stuck ${topic}/2`]);
  expect(await held()).not.toBeNull();
  await service.stop();
  service = await started(options);
  await untilApart();
  await writeMany(database, topic, 300);
  await untilDrained(database);
  const { rows } = await database.executor.query<{ n: number }>('select max(n)::int as n from ledger');
  // The stuck partition's keys are still at the first round, all others reach the last. The others do so after the
  // restart on the lane of their topic, so done_tick does not wait for them.
  const last = async (): Promise<number[]> => {
    const keys = new Map((await readLog(inner, topic)).map(({ key, n }) => [key, n]));
    return [...new Set(keys.values())].sort((a, b) => a - b);
  };
  await waitUntil(async () => (await last()).join() === `1,${rows[0]?.n}`, { what: 'the other partitions' });
  expect(lengths()[2]).toBe(before);
  stuck.now = false;
  await waitUntil(async () => (await held()) === null, { what: 'the partition to flow again' });
  await waitUntil(() => alarms().length === 0, { what: 'the alarm to clear' });
  await untilDrained(database);
  const verdict = await checkLog(database.executor, topic, await readLog(inner, topic));
  expect(verdict).toMatchObject({ ...faultless, events: 300 * (rows[0]?.n ?? 0) });
});

test('G5h: partitions of a broker that does not answer hold back no others, neither at first nor while they are tried again', async () => {
  const { database } = await withDatabase();
  const inner = closing(memoryBroker());
  const [dead, sound] = [await createTopic(inner, topicName(), 2), await createTopic(inner, topicName(), 2)];
  const silence = Promise.withResolvers<undefined>();
  const isDead = (batch: OutgoingBatch): boolean => batch.topic === dead;
  const broker = hookedBroker(inner, {
    send: async (batches, write) => {
      if (batches.some(isDead)) await silence.promise;
      return write(batches);
    },
  });
  const service = await started({ database, broker });
  const write = (topic: string) =>
    database.executor.query('update ledger set n = 0').then(() => writeMany(database, topic, 300));
  await write(dead);
  await waitUntil(
    () => {
      const status = service.status();
      return status.state === 'leading' && status.queued === 300;
    },
    { what: 'the send that is not answered' },
  );
  for (let round = 1; round <= 3; round += 1) {
    await write(sound);
    await waitUntil(async () => (await readLog(inner, sound)).length === 300 * round, {
      what: 'the other topic to be written meanwhile',
    });
  }
  silence.resolve(undefined);
  await untilDrained(database);
  expect(await readLog(inner, dead)).toHaveLength(300);
});
