import { withTransaction } from '@convergekit/postgres';
import { BREAKER_OPEN } from '@convergekit/resilience/engine';
import { ConvergeError } from '@convergekit/core';
import { manualClock, type ManualClock, waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { registerTypes } from '../member/type-sql.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { sendRecords } from '../testing/fixture-source.ts';
import type { ConsumerService } from '../service/consumer-service.ts';
import { DEFER_MS } from './deferral.ts';

/**
 * Tests of positions that are not in the database yet; time stands still unless a test moves it. Planted faults, each seen
 * to fail here: marks of deferred events that are not written; unknown types that are not compared with the registered
 * ones when the position is written; the version of the types from a snapshot instead of the locked row; a halt, a pause,
 * a stop or a rebalance that does not write the position; no timer; a batch that goes on beyond what must be read again; a position that is
 * saved before the log is looked at.
 */
describe('a deferred position', () => {
  let scene: FailureScene;
  let clock: ManualClock;
  let throws: () => Error | undefined;
  const { name, topic, counted, priced } = sceneForEach((opened) => (scene = opened));
  beforeEach(() => {
    clock = manualClock();
    throws = () => undefined;
  });

  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
    await note(tx, event);
    const error = throws();
    if (error !== undefined) throw error;
  });
  const start = (options: object = {}) => scene.start(consumer, { clock, ...options });
  const partition = (service: ConsumerService) => service.status()[0]?.partitions[0];
  const at = (service: ConsumerService, offset: bigint) =>
    waitUntil(() => partition(service)?.nextOffset === offset, { what: `offset ${offset}` });
  const saved = (offset: number) =>
    waitUntil(async () => (await scene.offset()) === offset, { what: `saved offset ${offset}` });
  const publish = (...events: Parameters<FailureScene['source']['publish']>[1]) =>
    scene.source.publish(scene.broker, events);
  const skip = (n: number) => priced({ key: 'k', n });
  const effect = (n: number) => counted({ key: 'k', n });
  const effects = async () => (await lines(scene.database)).map(({ n }) => n);
  const waiting = () => waitsForLock(scene.database.executor);
  const watermark = async () =>
    (await scene.database.executor.query<{ id: string }>('select id from converge.inbox_watermark')).rows;

  it('goes with the next slice that does something, and with it the watermark', async () => {
    const service = await start();
    await publish(skip(1), skip(2));
    await at(service, 2n);
    expect([await scene.offset(), await watermark()]).toEqual([0, []]);
    await publish(effect(3));
    await saved(3);
    expect([await effects(), await watermark()]).toEqual([[3], [{ id: '3' }]]);
    expect(partition(service)?.counts).toMatchObject({ handled: 1, skipped: 2 });
  });

  it('is written after two seconds, with its watermark', async () => {
    const service = await start();
    await publish(skip(1), skip(2));
    await at(service, 2n);
    await clock.advance(DEFER_MS - 1);
    expect(await scene.offset()).toBe(0);
    await clock.advance(1);
    await saved(2);
    expect(await watermark()).toEqual([{ id: '2' }]);
  });

  it('is written before its member stops', async () => {
    const service = await start();
    await publish(skip(1));
    await at(service, 1n);
    await service.stop();
    expect(await scene.offset()).toBe(1);
    // Tools that show lag see it, too: the stop commits the position in Kafka.
    expect((await (await scene.broker.admin()).committed(name, topic)).get(0)).toBe(1n);
  });

  it('is written before its partition is assigned again', async () => {
    const service = await start();
    await publish(skip(1));
    await at(service, 1n);
    await scene.start(consumer, { clock });
    await saved(1);
  });

  it('is written before its partition pauses', async () => {
    throws = () =>
      new ConvergeError('open', {
        code: BREAKER_OPEN,
        category: 'service',
        certainty: 'not_applied',
        retryAfterMs: 60,
      });
    const service = await start();
    await publish(skip(1));
    await at(service, 1n);
    await publish(effect(2));
    await waitUntil(() => partition(service)?.state === 'paused', { what: 'the pause' });
    expect(await scene.offset()).toBe(1);
  });

  it('G3b: is written before its partition halts at a gap right behind it', async () => {
    // The second look plans the event before the gap in a slice of its own.
    const service = await start({ sliceSize: 1 });
    await publish(skip(1));
    await at(service, 1n);
    scene.source.record(effect(2));
    await publish(effect(3));
    await waitUntil(() => partition(service)?.state === 'halted', { what: 'the halt' });
    expect(partition(service)).toMatchObject({ code: 'gap', nextOffset: 1n });
    const { rows } = await scene.database.executor.query(
      'select next_offset::int as at, halted_code as code from converge.inbox_partition',
    );
    expect([rows, await watermark(), await effects()]).toEqual([[{ at: 1, code: 'gap' }], [{ id: '1' }], []]);
  });

  it('G3b: is dropped when an operator resets the partition', async () => {
    const service = await start();
    await publish(effect(1), effect(2));
    await saved(2);
    await publish(skip(3));
    await at(service, 3n);
    await scene.database.executor.query('update converge.inbox_partition set next_offset = 1');
    await clock.advance(DEFER_MS);
    await waitUntil(
      async () => {
        await clock.advance(DEFER_MS);
        return (await scene.offset()) === 3;
      },
      { what: 'the second reading' },
    );
    expect(await effects()).toEqual([1, 2]);
    expect(partition(service)).toMatchObject({ nextOffset: 3n, state: 'running' });
  });

  it('G3b: is dropped when the log lost the end that was skipped', async () => {
    const service = await start();
    await publish(effect(0));
    await saved(1);
    const kept = scene.source.copy();
    await publish(skip(1), skip(2));
    await at(service, 3n);
    scene.broker.cutEnd(topic, 0, 1n);
    await at(service, 1n);
    await kept.publish(scene.broker, [effect(1), effect(2)]);
    await saved(3);
    expect([await effects(), partition(service)?.state]).toEqual([[0, 1, 2], 'running']);
  });

  it('G3b: is dropped when another version has registered a type of its events meanwhile', async () => {
    const service = await start();
    await publish(skip(1), skip(2));
    await at(service, 2n);
    const types = [{ topic, type: 'test.priced', handler: 'test.priced' }];
    await withTransaction(scene.database, {}, (tx) => registerTypes(tx, name, types));
    await clock.advance(DEFER_MS);
    await waitUntil(() => partition(service)?.state === 'halted', { what: 'the halt' });
    expect(partition(service)).toMatchObject({ code: 'type_ahead', nextOffset: 0n });
    expect(await scene.offset()).toBe(0);
  });

  it('that cannot be written makes a batch that waits behind it be fetched again', async () => {
    let batches = 0;
    const open = scene.broker.consumer.bind(scene.broker);
    scene.broker.consumer = ({ handlers, ...options }) =>
      open({
        ...options,
        handlers: {
          ...handlers,
          batch: (...batch) => {
            batches += 1;
            return handlers.batch(...batch);
          },
        },
      });
    const service = await start();
    // Without positions: no gap would be found between them.
    await sendRecords(scene.broker, [foreignRecord(skip(1), 'a', 1)]);
    await at(service, 1n);
    const types = [{ topic, type: 'test.priced', handler: 'test.priced' }];
    await withTransaction(scene.database, {}, async (tx) => {
      await registerTypes(tx, name, types);
      await clock.advance(DEFER_MS);
      await waitUntil(waiting, { what: 'the write to wait' });
      await sendRecords(scene.broker, [foreignRecord(effect(2), 'b', 1)]);
      await waitUntil(() => batches === 2, { what: 'the second batch' });
    });
    await waitUntil(() => partition(service)?.state === 'halted', { what: 'the halt' });
    expect([partition(service)?.nextOffset, await effects()]).toEqual([0n, []]);
  });

  it('a slice that waits for a registration sees its types', async () => {
    await start();
    const types = [{ topic, type: 'test.priced', handler: 'test.priced' }];
    await withTransaction(scene.database, {}, async (tx) => {
      await registerTypes(tx, name, types);
      await publish(skip(1), effect(2));
      await waitUntil(waiting, { what: 'the slice to wait' });
    });
    const { rows } = await scene.database.executor.query<{ version: string }>(
      'select types_version as version from converge.inbox_partition',
    );
    expect(rows).toEqual([{ version: '2' }]);
    const service = scene.services[0]!;
    await waitUntil(() => partition(service)?.state === 'halted', { what: 'the halt' });
    expect([partition(service)?.nextOffset, await effects()]).toEqual([0n, []]);
  });
});
