import type { Broker, OutgoingRecord } from '@convergekit/broker/engine';
import { memoryBroker } from '@convergekit/broker/testing';
import { systemClock, systemRandom } from '@convergekit/core';
import { withTransaction } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, test } from 'vitest';
import { acceptRecreatedTopic, forgetTopic, readHeld } from './forget-sql.ts';
import { readLog } from '../fixture/log-check.ts';
import { disownRecord } from '../log-check/disown.ts';
import { readDisowned } from '../log-check/facts-sql.ts';
import { inspectSource } from '../rebase/inspect.ts';
import { emit, emitSome, names, ownServer, quick, setUp, startAt, untilGone } from '../fixture/retention.ts';
import { timing } from '../fixture/restored.ts';
import { actsIn, closeAfterEach, closing, heldCodes, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * Topics that were deleted on purpose, or recreated.
 * Code that was removed once, and a test here failed:
 * - the broker's id of a topic (`isRecreated`: what follows goes unnoticed into a new log);
 * - a recreated topic concerns itself alone at a takeover (`findRecreated`: the relay is refused for all);
 * - holds that missed nothing move on (`advanceIdleHolds`: the child stays);
 * - the row that is gone is followed (`followRecord`: the topic stays halted);
 * - an accepted log may lack the end of its predecessor (`judgePartition`: the accepted topic never flows again);
 * - ends of the old log are not compared with the new one (`compareLog`: a complete copy is listed as not compared);
 * - the row in the audit of operators of `forgetTopic`, and of `acceptRecreatedTopic`.
 */

ownServer();
closeAfterEach();

const by = { by: 'ada', reason: 'a drill' };

describe('a topic that is recreated with as many partitions', () => {
  async function made() {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const [again, other] = [
      await createTopic(broker, topicName(), 2),
      await createTopic(broker, topicName(), 2),
    ];
    const options = { database, broker, ...timing, recheckMs: 30, verifyMs: 30 };
    const service = await started(options);
    await writeMany(database, again, 300);
    await untilDrained(database);
    const makeAgain = async () => {
      const admin = await broker.admin();
      await admin.deleteTopic(again);
      await createTopic(broker, again, 2);
    };
    return { database, broker, again, other, options, service, makeAgain };
  }

  test('a running relay notices a recreated topic, and continues behind what was acknowledged once an operator accepts that', async () => {
    const { database, broker, again, other, service, makeAgain } = await made();
    await makeAgain();
    await waitUntil(() => heldCodes(service)[0] === 'TOPIC_RECREATED', { what: 'the halt' });
    await writeMany(database, again, 300);
    await writeMany(database, other, 300);
    await waitUntil(async () => (await readLog(broker, other)).length === 300, { what: 'the other topic' });
    expect(await readLog(broker, again)).toEqual([]);
    await disownRecord(database.executor, { topic: again, partition: 0, offset: 7n }, by);
    await waitUntil(() => acceptRecreatedTopic(database.executor, again, by), {
      what: 'its hold to be written',
    });
    // Another record has that offset now. Planted fault: disowned records that stay with the new topic.
    expect((await readDisowned(database.executor)).size).toBe(0);
    const act = { act: 'topics accept', subject: again, by: 'ada', reason: 'a drill' };
    expect((await actsIn(database)).at(-1)).toEqual({ ...act, before: {}, after: { madeAgain: true } });
    await untilDrained(database);
    await waitUntil(async () => (await readLog(broker, again)).length === 300, { what: 'its events' });
    expect((await readLog(broker, again)).every(({ prev }) => prev !== '1.0.0')).toBe(true);
  });

  test('G5i: a topic that was recreated while the relay was stopped is halted alone, and stays accepted at later takeovers', async () => {
    const { database, broker, again, other, options, service, makeAgain } = await made();
    await service.stop();
    await makeAgain();
    const second = await started(options);
    await waitUntil(() => heldCodes(second)[0] === 'TOPIC_RECREATED', { what: 'the halt' });
    await writeMany(database, other, 300);
    await waitUntil(async () => (await readLog(broker, other)).length === 300, { what: 'the other topic' });
    await waitUntil(() => acceptRecreatedTopic(database.executor, again, by), {
      what: 'its hold to be written',
    });
    await waitUntil(() => heldCodes(second).length === 0, { what: 'the topic to flow again' });
    await second.stop();
    const third = await started(options);
    await waitUntil(() => third.status().state === 'leading', { what: 'the lead' });
    expect(heldCodes(third)).toEqual([]);
    await writeMany(database, again, 300);
    await waitUntil(async () => (await readLog(broker, again)).length === 300, { what: 'its events' });
  });
});

/** Replaces a topic by a copy of it, as a mirror on another cluster has it: other offsets, some records missing. */
async function replaceByCopy(
  broker: Broker,
  topic: string,
  missing: { readonly first: number; readonly last: number },
): Promise<void> {
  const admin = await broker.admin();
  const copies = await Promise.all(
    (await admin.logEnds(topic)).map(async ({ partition, earliest, latest }) => {
      const records: OutgoingRecord[] = [];
      for await (const one of admin.read(topic, partition, earliest, latest))
        records.push({
          key: one.key?.toString() ?? null,
          value: one.value,
          headers: one.headers.map(([name, value]) => [name, value?.toString() ?? ''] as const),
          timestampMs: one.timestampMs,
        });
      return { topic, partition, records: records.slice(missing.first, records.length - missing.last) };
    }),
  );
  await admin.deleteTopic(topic);
  await createTopic(broker, topic, copies.length);
  const producer = await broker.producer();
  for (const sent of await producer.send(copies)) expect(sent.ok).toBe(true);
  await producer.close();
}

describe('a topic that is replaced by a copy on another cluster', () => {
  async function copied(missing: { readonly first: number; readonly last: number }) {
    const { database } = await withDatabase();
    const broker = closing(memoryBroker());
    const topic = await createTopic(broker, topicName(), 2);
    const options = { database, broker, ...timing, recheckMs: 30, verifyMs: 30 };
    const first = await started(options);
    await writeMany(database, topic, 300);
    await untilDrained(database);
    await first.stop();
    // Its takeover saves where the log ends.
    const second = await started(options);
    await waitUntil(() => second.status().state === 'leading', { what: 'the lead' });
    await second.stop();
    await replaceByCopy(broker, topic, missing);
    const { comparison } = await inspectSource(database.executor, broker);
    if (comparison.kind !== 'compared') throw new Error(comparison.why);
    return { database, broker, topic, options, comparison: comparison.result };
  }

  test('a copy with everything that was acknowledged is found to fit, and continues once it is accepted', async () => {
    const { database, broker, topic, options, comparison } = await copied({ first: 10, last: 0 });
    expect(comparison).toMatchObject({ refusals: [], unread: [] });
    const next = await started(options);
    // The topic is looked at when its first event is read.
    await writeMany(database, topic, 300);
    await waitUntil(() => heldCodes(next)[0] === 'TOPIC_RECREATED', { what: 'the halt' });
    await waitUntil(() => acceptRecreatedTopic(database.executor, topic, by), {
      what: 'its hold to be written',
    });
    await waitUntil(async () => (await readLog(broker, topic)).length === 580, { what: 'its events' });
  });

  test('a copy that lacks the end can be accepted, and the relay leads at later takeovers too', async () => {
    const { database, broker, topic, options, comparison } = await copied({ first: 0, last: 10 });
    expect(comparison).toMatchObject({ refusals: [], unread: [{ topic, code: 'TOPIC_RECREATED' }] });
    const next = await started(options);
    await waitUntil(() => heldCodes(next)[0] === 'TOPIC_RECREATED', { what: 'the halt' });
    await waitUntil(() => acceptRecreatedTopic(database.executor, topic, by), {
      what: 'its hold to be written',
    });
    await waitUntil(() => heldCodes(next).length === 0, { what: 'the topic to flow again' });
    await next.stop();
    const third = await started(options);
    await waitUntil(() => third.status().state === 'leading', { what: 'the lead' });
    expect(heldCodes(third)).toEqual([]);
    await writeMany(database, topic, 300);
    await waitUntil(async () => (await readLog(broker, topic)).length === 580, { what: 'its events' });
  });
});

describe('a topic that was deleted on purpose', () => {
  const patient = { recheckMs: 20, verifyMs: 40 };

  async function deleted(events: number) {
    const { database, broker, topic: live, start } = await setUp(patient);
    const gone = await createTopic(broker, topicName(), 1);
    const service = await start();
    await emit(database, gone, 'g', 1);
    await emit(database, live, 'k', 1);
    await untilDrained(database);
    const admin = await broker.admin();
    await admin.deleteTopic(gone);
    await waitUntil(() => heldCodes(service)[0] === 'TOPIC_UNKNOWN', { what: 'the halt' });
    for (let n = 2; n < 2 + events; n += 1) await emit(database, gone, 'g', n);
    // The sequence continues in the next child, so that the first child may be removed.
    await startAt(database, 1_000_000);
    await emitSome(database, live);
    return { database, broker, live, gone, service, start };
  }

  test('a deleted topic that is no longer used holds no retention back, also after a restart', async () => {
    const { database, live, gone, service, start } = await deleted(0);
    await untilGone(database, 'outbox_0');
    expect(heldCodes(service)).toEqual(['TOPIC_UNKNOWN']);
    await service.stop();
    await start();
    await startAt(database, 2_000_000);
    await emitSome(database, live);
    await untilGone(database, 'outbox_1000000');
    expect((await readHeld(database.executor, gone))?.unsent).toBe(0);
  });

  test('G5i, G5m: a deleted topic keeps its events that were not sent until an operator forgets it, with a reason', async () => {
    const { database, broker, live, gone, service } = await deleted(3);
    const { executor } = database;
    const held = await waitUntil(
      async () => {
        const found = await readHeld(executor, gone);
        return found?.unsent === 3 ? found : undefined;
      },
      { what: 'the hold to be written' },
    );
    expect(await names(database)).toContain('outbox_0');
    const forgotten = await withTransaction(database, { clock: systemClock, random: systemRandom }, (tx) =>
      forgetTopic(tx, held, { reason: 'the service is gone', by: 'ada' }),
    );
    expect(forgotten).toBe(true);
    const act = { act: 'topics forget', subject: gone, by: 'ada', reason: 'the service is gone' };
    const before = {
      unsent: 3,
      heldAt: expect.any(Number) as number,
      heldReason: held.heldReason,
      cursors: [{ partition: 0, position: expect.stringMatching(/^1\.\d+\.1$/) as string }],
    };
    expect(await actsIn(database)).toEqual([{ ...act, before, after: {} }]);
    await untilGone(database, 'outbox_0');
    await waitUntil(() => heldCodes(service).length === 0, { what: 'the relay to follow' });
    // A later event of the topic is treated as the first of a new topic, and reported again.
    await emit(database, gone, 'g', 5);
    await waitUntil(() => heldCodes(service)[0] === 'TOPIC_UNKNOWN', { what: 'the halt of the new event' });
    await createTopic(broker, gone, 1);
    await waitUntil(async () => (await readLog(broker, gone)).some(({ n }) => n === 5), {
      what: 'it to flow',
    });
    await emit(database, live, 'k', 2);
    await waitUntil(async () => (await readLog(broker, live)).some(({ key, n }) => key === 'k' && n === 2), {
      what: 'the live topic',
    });
    expect(quick.retainMs).toBe(0);
  });
});
