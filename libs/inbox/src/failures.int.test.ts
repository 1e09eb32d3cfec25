import { failureEvent } from '@converge/contracts';
import { type Broker, memoryBroker } from '@converge/kafka';
import type { Database } from '@converge/postgres';
import { BusinessRejection, ConvergeError } from '@converge/resilience';
import { freshDatabase, waitUntil } from '@converge/testing';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { type ConsumerDefinition, defineConsumer } from './define/define-consumer.ts';
import { FixtureSource, sendRecords } from './fixture/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, makeTopics, note, tag, testEvents } from './fixture/ledger.ts';
import { type ConsumerService, consumerService } from './service/consumer-service.ts';

interface OutboxRow {
  readonly event_id: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly headers: string;
  readonly payload: string;
}

interface LetterRow {
  readonly category: string;
  readonly certainty: string;
  readonly code: string;
  readonly event_id: string | null;
  readonly attempts: string;
  readonly payload: Buffer;
  readonly failure_event: string;
}

describe('an event that fails', () => {
  let broker: Broker;
  let database: Database<LedgerDb>;
  let source: FixtureSource;
  const services: ConsumerService[] = [];
  const name = `payments-${tag()}`;
  const topic = `orders-${tag()}`;
  const { counted, priced } = testEvents(topic);
  const inPlace = { backoff: { baseMs: 1, factor: 2, capMs: 2 } };

  beforeEach(async () => {
    broker = memoryBroker();
    database = await ledgerDatabase(await freshDatabase(inject('stack').databaseUrl));
    source = new FixtureSource({ partitions: 1 });
    await makeTopics(broker, [topic, `${name}.failures`, 'refunds.failures'], 1);
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
    await broker.close();
    await database.close();
  });

  const failing = (throws: (n: number) => void): ConsumerDefinition<LedgerDb> =>
    defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      throws(event.data.n);
    });
  async function started(
    consumer: ConsumerDefinition<LedgerDb>,
    options: object = {},
  ): Promise<ConsumerService> {
    const service = consumerService([consumer], { database, broker, inPlace, ...options });
    services.push(service);
    await service.start();
    return service;
  }
  const counting = (count: number) =>
    Array.from({ length: count }, (_, n) => counted({ key: `k${n % 3}`, n }));
  const settled = (count: number) =>
    waitUntil(
      async () => {
        const { rows } = await database.executor.query<{ at: string }>(
          'select next_offset as at from converge.inbox_partition',
        );
        return rows.some(({ at }) => Number(at) >= count);
      },
      { what: `offset ${count}` },
    );
  const letters = async () =>
    (await database.executor.query<LetterRow>('select * from converge.dead_letter order by record_offset'))
      .rows;
  const outbox = async () =>
    (await database.executor.query<OutboxRow>('select * from converge.outbox order by id')).rows;

  it('is isolated: the others of its slice are applied once, in order, and it alone is given up', async () => {
    const ids = await source.publish(broker, counting(40));
    await started(
      failing((n) => {
        if (n === 7) throw new TypeError('n is seven');
      }),
    );
    await settled(40);
    expect((await lines(database)).map(({ n }) => n)).toEqual(
      Array.from({ length: 40 }, (_, n) => n).filter((n) => n !== 7),
    );
    const [letter, ...others] = await letters();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ category: 'bug', event_id: ids[7] });
    expect(JSON.parse(letter!.attempts)).toHaveLength(3);
    const [told] = await outbox();
    expect(told).toMatchObject({ event_id: letter!.failure_event, topic: `${name}.failures`, key: 'k1' });
    const data = failureEvent(name).parse(told!.payload, 1);
    expect(data).toMatchObject({
      consumer: name,
      handler: 'test.counted',
      category: 'bug',
      event: { id: ids[7], payload: '{"key":"k1","n":7}' },
    });
    expect(JSON.parse(told!.headers)).toMatchObject({
      ce_causationid: ids[7],
      ce_correlationid: ids[7],
      ce_hops: '1',
    });
  });

  it('is tried again in place when it may heal, and then leaves no letter', async () => {
    let left = 2;
    const away = new ConvergeError('away', { code: 'AWAY', category: 'network', certainty: 'not_applied' });
    await source.publish(broker, counting(1));
    await started(
      failing(() => {
        if (left-- > 0) throw away;
      }),
    );
    await settled(1);
    expect(await lines(database)).toHaveLength(1);
    expect(await letters()).toEqual([]);
  });

  it('tells a declared rejection at once, without another attempt', async () => {
    const calls = vi.fn();
    await source.publish(broker, counting(1));
    await started(
      failing(() => {
        calls();
        throw new BusinessRejection('card declined', { code: 'DECLINED' });
      }),
    );
    await settled(1);
    expect(calls).toHaveBeenCalledTimes(1);
    expect(await letters()).toMatchObject([
      { category: 'business', certainty: 'not_applied', code: 'DECLINED' },
    ]);
    expect(await lines(database)).toEqual([]);
  });

  it('keeps what is uncertain uncertain: one attempt of unknown outcome makes the letter unknown', async () => {
    const errors = (['unknown', 'not_applied', 'not_applied'] as const).map(
      (certainty) => new ConvergeError('x', { code: 'X', category: 'service', certainty }),
    );
    await source.publish(broker, counting(1));
    await started(
      failing(() => {
        throw errors.shift()!;
      }),
    );
    await settled(1);
    expect(await letters()).toMatchObject([{ category: 'service', certainty: 'unknown' }]);
  });

  it('stops the consumer, and gives nothing up, when a setting is wrong', async () => {
    await source.publish(broker, counting(2));
    const wrong = new ConvergeError('PAYMENT_URL is empty: set it', {
      code: 'CONFIG',
      category: 'configuration',
      certainty: 'not_applied',
    });
    const service = await started(
      failing(() => {
        throw wrong;
      }),
    );
    await expect(service.done).rejects.toMatchObject({
      code: 'CONSUMER_STOPPED',
      message: expect.stringContaining('PAYMENT_URL is empty: set it'),
    });
    expect(await letters()).toEqual([]);
    expect(await lines(database)).toEqual([]);
  });

  it('is stopped when it takes too long, with an outcome that nobody knows', async () => {
    await source.publish(broker, counting(1));
    const hangs = defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(
      counted,
      { maxHandleMs: 30 },
      (_event, { signal }) =>
        new Promise<void>((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    );
    await started(hangs, { inPlace: { attempts: 1 } });
    await settled(1);
    expect(await letters()).toMatchObject([{ code: 'HANDLER_TIMEOUT', certainty: 'unknown' }]);
  });

  it('is compensated by another consumer, by configuration alone', async () => {
    await source.publish(broker, [...counting(3), priced({ key: 'p', n: 9 })]);
    await started(
      failing((n) => {
        if (n === 1) throw new BusinessRejection('declined');
      }).on(priced, () => {
        throw new ConvergeError('?', { code: 'LOST', category: 'data', certainty: 'unknown' });
      }),
    );
    await settled(4);
    // What the relay does: the failure events from the outbox into their topic.
    const told = (await outbox()).map(({ event_id, payload }) => ({
      event_id,
      event: failureEvent(name)(JSON.parse(payload)),
    }));
    const relay = new FixtureSource({ partitions: 1, name: 'payments' });
    await sendRecords(
      broker,
      told.map(({ event_id, event }) => relay.record(event, event_id)),
    );
    const seen: unknown[] = [];
    const refunds = defineConsumer<LedgerDb>({ name: 'refunds', from: 'beginning' })
      .onFailure(counted, { of: name }, async (failure, { tx, event, emit }) => {
        seen.push([failure.category, failure.event.data, event.id]);
        emit(priced({ key: failure.event.data.key, n: -1 }));
        await note(tx, { id: 'refund', data: failure.event.data });
      })
      .onFailure(priced, { of: name }, () => void seen.push('uncertain letter'));
    const service = await started(refunds);
    await waitUntil(() => service.status()[0]!.partitions[0]?.nextOffset === 2n, { what: 'both letters' });
    expect(seen).toEqual([['business', { key: 'k1', n: 1 }, told[0]!.event_id]]);
    expect((await lines(database)).filter(({ event_id }) => event_id === 'refund')).toHaveLength(1);
  });

  it('emits under the same ids when it is handled again', async () => {
    const [id] = await source.publish(broker, counting(1));
    const consumer = defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(
      counted,
      ({ data }, { emit }) => {
        emit(priced({ key: data.key, n: 1 }));
        emit(priced({ key: data.key, n: 2 }));
      },
    );
    const first = await started(consumer);
    await settled(1);
    await first.stop();
    // A restored consumer database: everything of the inbox went back, the outbox is kept here to compare.
    await database.executor.query('delete from converge.inbox_watermark');
    await database.executor.query('update converge.inbox_partition set next_offset = 0');
    await started(consumer);
    const rows = await waitUntil(async () => ((await outbox()).length === 4 ? outbox() : undefined), {
      what: '4 rows',
    });
    const ids = rows.map(({ event_id }) => event_id);
    expect(ids.slice(2)).toEqual(ids.slice(0, 2));
    expect(new Set(ids).size).toBe(2);
    expect(JSON.parse(rows[0]!.headers)).toMatchObject({
      ce_causationid: id,
      ce_hops: '1',
      ce_dataschema: 'urn:converge:test.priced:1',
    });
  });

  it('whose handler swallows a database error is not committed by half', async () => {
    await source.publish(broker, counting(1));
    const swallows = defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(
      counted,
      async (event, { tx }) => {
        await note(tx, event);
        await tx
          .selectFrom('nowhere' as 'ledger')
          .selectAll()
          .execute()
          .catch(() => undefined);
      },
    );
    await started(swallows);
    await settled(1);
    expect(await lines(database)).toEqual([]);
    expect(await letters()).toMatchObject([{ category: 'bug', code: 'ERROR_SWALLOWED' }]);
  });
});
