import { failureEvent } from '@convergekit/contracts/engine';
import { BusinessRejection, ConvergeError } from '@convergekit/core';
import { executorOf } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, it, vi } from 'vitest';
import { type ConsumerDefinition, defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { inPlace, quickSchedule } from '../testing/quick.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

describe('an event that fails', () => {
  let scene: FailureScene;
  const { name, counted } = sceneForEach((opened) => (scene = opened), {
    prefix: 'payments',
    more: ['refunds.failures'],
  });

  const failing = (throws: (n: number) => void): ConsumerDefinition<LedgerDb> =>
    defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      throws(event.data.n);
    });
  /** The first try of a drain is the last one. */
  const exhausted = { schedule: { ...quickSchedule, withinMs: 0 }, pollMs: 20 };
  const counting = (count: number) =>
    Array.from({ length: count }, (_, n) => counted({ key: `k${n % 3}`, n }));

  // Planted fault: a dead letter without its failure event fails here.
  it('G5c: a failing event is isolated: the others of its slice are applied once and in order, and it alone is given up', async () => {
    const ids = await scene.source.publish(scene.broker, counting(40));
    await scene.start(
      failing((n) => {
        if (n === 7) throw new TypeError('n is seven');
      }),
    );
    await scene.settled(40);
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual(
      Array.from({ length: 40 }, (_, n) => n).filter((n) => n !== 7),
    );
    const [letter, ...others] = await scene.letters();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ category: 'bug', event_id: ids[7] });
    expect(JSON.parse(letter!.attempts)).toHaveLength(3);
    const [reported] = await scene.outbox();
    expect(reported).toMatchObject({ event_id: letter!.failure_event, topic: `${name}.failures`, key: 'k1' });
    const data = failureEvent(name).parse(reported!.payload, 1);
    expect(data).toMatchObject({
      consumer: name,
      handler: 'test.counted',
      category: 'bug',
      event: { id: ids[7], payload: '{"key":"k1","n":7}' },
    });
    expect(JSON.parse(reported!.headers)).toMatchObject({
      ce_causationid: ids[7],
      ce_correlationid: ids[7],
      ce_hops: '1',
    });
  });

  it('an event that fails with a transient fault is retried in place, and leaves no dead letter', async () => {
    let left = 2;
    const away = new ConvergeError('away', { code: 'AWAY', category: 'network', certainty: 'not_applied' });
    await scene.source.publish(scene.broker, counting(1));
    await scene.start(
      failing(() => {
        if (left-- > 0) throw away;
      }),
    );
    await scene.settled(1);
    expect(await lines(scene.database)).toHaveLength(1);
    expect(await scene.letters()).toEqual([]);
  });

  it('a declared rejection emits its failure event at once, without another attempt', async () => {
    const calls = vi.fn();
    await scene.source.publish(scene.broker, counting(1));
    await scene.start(
      failing(() => {
        calls();
        throw new BusinessRejection('card declined', { code: 'DECLINED' });
      }),
    );
    await scene.settled(1);
    expect(calls).toHaveBeenCalledTimes(1);
    expect(await scene.letters()).toMatchObject([
      { category: 'business', certainty: 'not_applied', code: 'DECLINED' },
    ]);
    expect(await lines(scene.database)).toEqual([]);
  });

  it('one attempt with an unknown outcome makes the whole dead letter unknown', async () => {
    const later = new ConvergeError('x', { code: 'X', category: 'service', certainty: 'not_applied' });
    const errors = (['unknown', 'not_applied', 'not_applied'] as const).map(
      (certainty) => new ConvergeError('x', { code: 'X', category: 'service', certainty }),
    );
    await scene.source.publish(scene.broker, counting(1));
    await scene.start(
      failing(() => {
        throw errors.shift() ?? later;
      }),
      { parking: exhausted },
    );
    await waitUntil(async () => (await scene.letters()).length > 0, { what: 'the letter' });
    expect(await scene.letters()).toMatchObject([{ category: 'service', certainty: 'unknown' }]);
  });

  it('S51: a wrong setting stops the consumer, and no event is given up', async () => {
    await scene.source.publish(scene.broker, counting(2));
    const wrong = new ConvergeError('PAYMENT_URL is empty: set it', {
      code: 'CONFIG',
      category: 'configuration',
      certainty: 'not_applied',
    });
    const service = await scene.start(
      failing(() => {
        throw wrong;
      }),
    );
    await expect(service.done).rejects.toMatchObject({
      code: 'CONSUMER_STOPPED',
      message: expect.stringContaining('PAYMENT_URL is empty: set it'),
    });
    expect(await scene.letters()).toEqual([]);
    expect(await lines(scene.database)).toEqual([]);
  });

  // Planted fault: 53400 taken for a wrong setting of the consumer, which stops.
  it('a query that exceeds temp_file_limit holds back the key of its event, and stops no consumer', async () => {
    const limit = `select set_config('work_mem', '64kB', true), set_config('temp_file_limit', '0', true)`;
    const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      if (event.data.n === 1) {
        await executorOf(tx).query(limit);
        await executorOf(tx).query('select n from generate_series(1, 100000) n order by -n offset 99999');
      }
      await note(tx, event);
    });
    await scene.source.publish(scene.broker, counting(3));
    const service = await scene.start(consumer, { parking: { pollMs: 2_147_483_647 } });
    await Promise.race([scene.settled(3), service.done]);
    expect((await lines(scene.database)).map(({ n }) => n)).toEqual([0, 2]);
    const { rows } = await scene.database.executor.query('select state, code from converge.parked');
    expect(rows).toEqual([{ state: 'waiting', code: '53400' }]);
  });

  it('S10: a handler that takes too long is stopped, with an unknown outcome', async () => {
    await scene.source.publish(scene.broker, counting(1));
    const hangs = defineConsumer<LedgerDb>(name, { from: 'first' }).on(
      counted,
      (_event, { signal }) =>
        new Promise<void>((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    );
    await scene.start(hangs, {
      policies: inPlace({ attempts: 1, attemptTimeoutMs: 30 }),
      parking: exhausted,
    });
    await waitUntil(async () => (await scene.letters()).length > 0, { what: 'the letter' });
    expect(await scene.letters()).toMatchObject([{ code: 'HANDLER_TIMEOUT', certainty: 'unknown' }]);
  });

  it('an event whose handler swallows a database error is not committed by half', async () => {
    await scene.source.publish(scene.broker, counting(1));
    const swallows = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      await tx
        .selectFrom('nowhere' as 'ledger')
        .selectAll()
        .execute()
        .catch(() => undefined);
    });
    await scene.start(swallows);
    await scene.settled(1);
    expect(await lines(scene.database)).toEqual([]);
    expect(await scene.letters()).toMatchObject([{ category: 'bug', code: 'ERROR_SWALLOWED' }]);
  });
});
