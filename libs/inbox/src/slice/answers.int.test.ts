import { failureEvent, type FailureInput } from '@convergekit/contracts/engine';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { consumerRef } from '../define/consumer-ref.ts';
import { type ConsumerDefinition, defineConsumer } from '../define/define-consumer.ts';
import { FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

describe('answers of a handler', () => {
  let scene: FailureScene;
  const { name, counted, priced } = sceneForEach((opened) => (scene = opened), {
    prefix: 'payments',
    more: ['refunds.failures'],
  });

  const failing = (throws: (n: number) => void): ConsumerDefinition<LedgerDb> =>
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      throws(event.data.n);
    });
  const counting = (count: number) =>
    Array.from({ length: count }, (_, n) => counted({ key: `k${n % 3}`, n }));

  it('C3, C4: a failure is compensated in another consumer by configuration alone', async () => {
    await scene.source.publish(scene.broker, [...counting(3), priced({ key: 'p', n: 9 })]);
    await scene.start(
      failing((n) => {
        if (n === 1) throw new BusinessRejection('declined');
      }).on(priced, () => {
        throw new ConvergeError('?', { code: 'LOST', category: 'data', certainty: 'unknown' });
      }),
    );
    await scene.settled(4);
    // The failure events move from the outbox into their topic, as by the relay.
    const reported = (await scene.outbox()).map(({ event_id, payload }) => ({
      event_id,
      event: failureEvent(name)(JSON.parse(payload) as FailureInput),
    }));
    const relay = new FixtureSource({ partitions: 1, name: 'payments' });
    await sendRecords(
      scene.broker,
      reported.map(({ event_id, event }) => relay.record(event, event_id)),
    );
    const seen: unknown[] = [];
    const refunds = defineConsumer<LedgerDb>('refunds', { from: 'first' })
      .onFailure(consumerRef(name), counted, async (failure, { tx, event, emit }) => {
        seen.push([failure.category, failure.event.data, event.id]);
        emit(priced({ key: failure.event.data.key, n: -1 }));
        await note(tx, { id: 'refund', data: failure.event.data });
      })
      .onFailure(consumerRef(name), priced, (failure) => void seen.push(failure.certainty));
    const service = await scene.start(refunds);
    await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 2n, { what: 'both letters' });
    expect(seen).toEqual([['business', { key: 'k1', n: 1 }, reported[0]!.event_id], 'unknown']);
    expect((await lines(scene.database)).filter(({ event_id }) => event_id === 'refund')).toHaveLength(1);
  });

  // Planted fault: random ids of emitted events fail here.
  it('a repeated handler emits events with the same ids', async () => {
    const [id] = await scene.source.publish(scene.broker, counting(1));
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, ({ data }, { emit }) => {
      emit(priced({ key: data.key, n: 1 }));
      emit(priced({ key: data.key, n: 2 }));
    });
    const first = await scene.start(consumer);
    await scene.settled(1);
    await first.stop();
    // The consumer's database is restored: the inbox went back, and the outbox is kept for comparison.
    await scene.database.executor.query('delete from converge.inbox_watermark');
    await scene.database.executor.query('update converge.inbox_partition set next_offset = 0');
    await scene.start(consumer);
    const rows = await waitUntil(
      async () => ((await scene.outbox()).length === 4 ? scene.outbox() : undefined),
      {
        what: '4 rows',
      },
    );
    const ids = rows.map(({ event_id }) => event_id);
    expect(ids.slice(2)).toEqual(ids.slice(0, 2));
    expect(new Set(ids).size).toBe(2);
    expect(JSON.parse(rows[0]!.headers)).toMatchObject({
      ce_causationid: id,
      ce_hops: '1',
      ce_dataschema: 'urn:converge:test.priced:1',
    });
  });
});
