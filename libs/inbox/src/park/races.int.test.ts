import { ConvergeError, seededRandom } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { describe, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { inPlace, quickSchedule } from '../testing/quick.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

const away = new ConvergeError('away', { code: 'AWAY', category: 'network', certainty: 'not_applied' });

describe('parks, drains and releases that race', () => {
  let scene: FailureScene;
  const { name, topic, counted, priced } = sceneForEach((opened) => (scene = opened));

  const parking = {
    schedule: quickSchedule,
    pollMs: 5,
    systemic: { keys: 100_000, withinMs: 1_000 },
  };
  const rows = async (sql: string) => (await scene.database.executor.query(sql)).rows;

  // Planted faults, found by each of these seeds: a release that does not compare the tail, and a slice that parks behind a
  // key that was released meanwhile.
  it.each(inject('full') ? [1, 2, 3] : [1])(
    'G5a: racing parks, drains and releases apply each event once, in the order of its key, and leave nothing (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const count = 300;
      let faulty = true;
      const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(
        counted,
        async (event, { tx, emit }) => {
          await note(tx, event);
          emit(priced(event.data));
          if (faulty && event.data.n % 3 === 0 && random() < 0.6) throw away;
        },
      );
      // Two members: the drain of each works, and competes for keys.
      const policies = inPlace({ attempts: 1 });
      const services = [
        await scene.start(consumer, { parking, policies, sliceSize: 4 }),
        await scene.start(consumer, { parking, policies, sliceSize: 4 }),
      ];
      let sent = 0;
      while (sent < count) {
        const some = Math.min(count - sent, 1 + Math.floor(random() * 12));
        const from = sent;
        await scene.source.publish(
          scene.broker,
          Array.from({ length: some }, (_, i) =>
            counted({ key: `k${Math.floor(random() * 5)}`, n: from + i }),
          ),
        );
        sent += some;
      }
      await waitUntil(async () => (await scene.offset()) >= count, { what: 'the end of the log' });
      faulty = false;
      await waitUntil(async () => (await rows('select from converge.parked_key')).length === 0, {
        what: 'all keys to be released',
      });
      for (const service of services) await service.stop();
      const found = await lines(scene.database);
      expect(found.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, n) => n),
      );
      for (const [key, group] of Map.groupBy(found, (line) => line.key))
        expect([key, ...group.map(({ n }) => n)]).toEqual([
          key,
          ...group.map(({ n }) => n).toSorted((a, b) => a - b),
        ]);
      expect(await rows('select from converge.parked')).toEqual([]);
      expect(
        await rows('select count(distinct event_id)::int as ids, count(*)::int as n from converge.outbox'),
      ).toEqual([{ ids: count, n: count }]);
    },
  );

  it('later events of a key are parked at once while a handler of the drain runs', async () => {
    let broken = true;
    const inHandler = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      if (event.data.n === 0 && broken) throw away;
      await note(tx, event);
      if (event.data.n !== 0) return;
      inHandler.resolve(undefined);
      await goOn.promise;
    });
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 0 })]);
    await scene.start(consumer, { parking, policies: inPlace({ attempts: 1 }) });
    await waitUntil(async () => (await scene.offset()) >= 1, { what: 'the park' });
    broken = false;
    await inHandler.promise;
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 }), counted({ key: 'l', n: 2 })]);
    // Planted fault: a drain that locks its key before the handler keeps this slice waiting, and never gets there.
    await waitUntil(async () => (await scene.offset()) >= 3, { what: 'the slice' });
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual([2]);
    goOn.resolve(undefined);
    await waitUntil(async () => (await lines(scene.database)).length === 3, { what: 'the key' });
    expect((await lines(scene.database)).filter(({ key }) => key === 'k').map(({ n }) => n)).toEqual([0, 1]);
  });

  it('an owner detects a line that another one opened with filled events, which moves no offset', async () => {
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
      note(tx, event),
    );
    await scene.source.publish(scene.broker, [counted({ key: 'l', n: 0 })]);
    await scene.start(consumer, { parking });
    await waitUntil(async () => (await scene.offset()) >= 1, { what: 'the owner' });
    // The statement is the commit of a member that has lost its partition unnoticed: see the fence in
    // `gaps.int.test.ts`.
    await rows(`with fence as (update converge.inbox_partition set fills = fills + 1 where partition = 0),
                     line as (insert into converge.parked_key (consumer, topic, partition, key, tail, state)
                              select consumer, topic, partition, 'k', 1, 'dead' from converge.inbox_partition where topic = '${topic}')
                insert into converge.parked (id, consumer, topic, line, seq, state, handler, partition, record_offset, timestamp_ms,
                                             key, headers, category, certainty, code, failure_event)
                select gen_random_uuid(), consumer, topic, 'k', 1, 'dead', 'test.counted', 0, -1, 0, 'k', '[]', 'bug',
                       'not_applied', 'X', gen_random_uuid() from converge.inbox_partition where topic = '${topic}'`);
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 }), counted({ key: 'l', n: 2 })]);
    await waitUntil(async () => (await scene.offset()) >= 3, { what: 'the slice' });
    // Planted fault: a fence of the offset alone lets event 1 pass the one that its key waits behind.
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual([0, 2]);
  });

  it('an event is applied once although the lease of its drain expired during its handler', async () => {
    let broken = true;
    let calls = 0;
    const inHandler = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      if (broken) throw away;
      await note(tx, event);
      calls += 1;
      inHandler.resolve(undefined);
      if (calls === 1) await goOn.promise;
    });
    await scene.source.publish(scene.broker, [counted({ key: 'k', n: 0 })]);
    for (let members = 0; members < 2; members += 1)
      await scene.start(consumer, { parking, policies: inPlace({ attempts: 1 }) });
    await waitUntil(async () => (await scene.offset()) >= 1, { what: 'the park' });
    broken = false;
    await inHandler.promise;
    await rows(`update converge.parked_key set leased_until = '-infinity'`);
    await waitUntil(() => waitsForLock(scene.database.executor), {
      what: 'the other drain to wait for the event',
    });
    goOn.resolve(undefined);
    await waitUntil(async () => (await rows('select from converge.parked_key')).length === 0, {
      what: 'release',
    });
    // Planted fault: a drain that goes on although the event was taken calls its handler twice here.
    expect([calls, (await lines(scene.database)).length]).toEqual([1, 1]);
  });
});
