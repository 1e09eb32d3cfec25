import { createHash, randomUUID } from 'node:crypto';
import { WIRE } from '@convergekit/contracts/engine';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { consumerRef } from '../define/consumer-ref.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { FixtureSource, sendRecords } from '../testing/fixture-source.ts';
import { paymentsFailure } from '../fixture/payments-failure.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { MOST_SOURCES } from './sources.ts';

/**
 * Records of writers that are not trusted. Planted faults, each seen to fail here: unreadable bytes that count as a
 * systemic fault, or hold the key that they name; foreign events with bad bodies that count as one; a failure event of any
 * source that is acted on; sources that are pinned without end; unreadable records that are not closed (`closeUnreadable`).
 */

let scene: FailureScene;
const { name, topic, counted } = sceneForEach((opened) => (scene = opened), { more: ['payments.failures'] });

const consumer = defineConsumer<LedgerDb>(name, { from: 'earliest' }).on(counted, (event, { tx }) =>
  note(tx, event),
);
const handled = (n: number) =>
  waitUntil(async () => (await lines(scene.database)).some((line) => line.n === n), { what: `event ${n}` });
const rows = async (sql: string) => (await scene.database.executor.query(sql)).rows;

it('G5b, N8: unreadable records under forty keys neither pause a partition nor hold the keys that they name', async () => {
  const garbage = Array.from({ length: 40 }, (_, n) => ({
    topic,
    partition: 0,
    record: { key: `k${n}`, value: 'garbage', headers: [], timestampMs: 0 },
  }));
  await sendRecords(scene.broker, garbage);
  await scene.source.publish(scene.broker, [counted({ key: 'k3', n: 7 })]);
  const service = await scene.start(consumer);
  await handled(7);
  expect(service.status()[0]?.partitions[0]?.state).toBe('running');
  expect(await scene.letters()).toHaveLength(40);
  expect(await rows('select from converge.parked_key')).toEqual([]);
});

it('G5c: a flood of unreadable records keeps the bytes of the newest, closes the oldest with a hash, and a rewind makes no second dead letter', async () => {
  const value = (n: number) => `garbage ${n}`;
  const garbage = Array.from({ length: 40 }, (_, n) => ({
    topic,
    partition: 0,
    record: { key: `k${n}`, value: value(n), headers: [], timestampMs: 0 },
  }));
  await sendRecords(scene.broker, garbage);
  await scene.source.publish(scene.broker, [counted({ key: 'k3', n: 7 })]);
  const options = { parking: { maxRows: 10, pollMs: 20 } };
  const service = await scene.start(consumer, options);
  const kept = () =>
    rows(
      `select record_offset::int as at, state, payload, headers, closed from converge.parked order by record_offset`,
    );
  const closed = async () => (await kept()).filter(({ state }) => state === 'skipped').length;
  await waitUntil(async () => (await closed()) === 30, { what: 'the oldest to be closed' });
  const all = await kept();
  expect(all.slice(30)).toMatchObject(
    garbage.slice(30).map((_, n) => ({ at: n + 30, state: 'dead', payload: Buffer.from(value(n + 30)) })),
  );
  for (const [n, row] of all.slice(0, 30).entries()) {
    expect(row).toMatchObject({ at: n, payload: null, headers: '[]' });
    expect(row['closed']).toContain(createHash('sha256').update(value(n)).digest('hex'));
    expect(row['closed']).toContain(`offset ${n} of ${topic}/0`);
  }
  const failures = async () => (await scene.outbox()).length;
  expect(await failures()).toBe(40);

  await service.stop();
  await rows('update converge.inbox_partition set next_offset = 0');
  await scene.start(consumer, options);
  await waitUntil(async () => (await scene.offset()) === 41, { what: 'the end of the log again' });
  expect([await kept(), await failures()]).toEqual([all, 40]);
});

it('a flood of large unreadable records and forged failure events is bounded by bytes, and the newest stays', async () => {
  const garbage = [1, 2, 3].map((n) => ({
    topic,
    partition: 0,
    record: { key: 'k', value: `${n}`.repeat(2_000), headers: [], timestampMs: 0 },
  }));
  await sendRecords(scene.broker, garbage);
  const forged = foreignRecord(failureOf('k'), 'forged', 1);
  await sendRecords(scene.broker, [forged]);
  await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'earliest' })
      .on(counted, (event, { tx }) => note(tx, event))
      .onFailure(consumerRef('payments'), counted, () => undefined),
    { parking: { maxBytes: 1_000, pollMs: 20 } },
  );
  const states = () => rows('select state from converge.parked order by state');
  await waitUntil(async () => (await states()).length === 4, { what: 'four letters' });
  const most = ['dead', 'skipped', 'skipped', 'skipped'];
  await waitUntil(async () => (await states()).filter(({ state }) => state === 'skipped').length === 3, {
    what: 'the oldest to be closed',
  });
  expect((await states()).map(({ state }) => state)).toEqual(most);
});

it('foreign events with unreadable bodies do not pause a partition', async () => {
  const bad = Array.from({ length: 40 }, (_, n) => {
    const { record, ...place } = foreignRecord(counted({ key: `k${n}`, n }), `id-${n}`, 1);
    return { ...place, record: { ...record, value: 'not json' } };
  });
  await sendRecords(scene.broker, bad);
  await scene.source.publish(scene.broker, [counted({ key: 'other', n: 7 })]);
  const service = await scene.start(consumer);
  await handled(7);
  expect(service.status()[0]?.partitions[0]?.state).toBe('running');
});

const failureOf = (key: string) => paymentsFailure(counted, key);

it('G5g: a failure event is handled only when it comes from the source of the failing consumer', async () => {
  const compensated: string[] = [];
  const compensating = defineConsumer<LedgerDb>(name, { from: 'earliest' })
    .on(counted, (event, { tx }) => note(tx, event))
    .onFailure(consumerRef('payments'), counted, (failure) => void compensated.push(failure.event.key));
  const payments = new FixtureSource({ partitions: 1, name: 'payments' });
  // The other source is known, too: its positions count, and yet it is not the source that failed.
  await scene.source.publish(scene.broker, [counted({ key: 'a', n: 1 })]);
  await payments.publish(scene.broker, [failureOf('first')]);
  const service = await scene.start(compensating);
  await waitUntil(() => compensated.length === 1, { what: 'the compensation' });
  await sendRecords(scene.broker, [foreignRecord(failureOf('foreign'), 'id-1', 1)]);
  await scene.source.publish(scene.broker, [failureOf('another')]);
  await payments.publish(scene.broker, [failureOf('second')]);
  await waitUntil(() => compensated.length > 1, { what: 'the second compensation' });
  // The wait is needed because a handler runs before its slice is committed.
  await waitUntil(async () => (await rows('select from converge.parked')).length === 2, {
    what: 'the dead letters',
  });
  expect(compensated).toEqual(['first', 'second']);
  const letters = await rows(
    `select code, key, line, closed is not null as closed from converge.parked order by record_offset`,
  );
  expect(letters).toEqual(
    ['foreign', 'another'].map((key) => ({ code: 'FAILURE_SOURCE', key, line: null, closed: true })),
  );
  expect(service.status()[0]!.sourceConflicts).toMatchObject([{ name: 'payments', other: scene.source.id }]);
});

it('a declared source of failure events counts, whatever source was seen first', async () => {
  const compensated: string[] = [];
  const payments = new FixtureSource({ partitions: 1, name: 'payments' });
  const define = (failureSources = {}) =>
    defineConsumer<LedgerDb>(name, { from: 'earliest', failureSources }).onFailure(
      consumerRef('payments'),
      counted,
      (failure) => void compensated.push(failure.event.key),
    );
  await scene.source.publish(scene.broker, [failureOf('before')]);
  const first = await scene.start(define());
  await waitUntil(() => compensated.length === 1, { what: 'the first seen' });
  await first.stop();
  await scene.start(define({ payments: payments.id }));
  await scene.source.publish(scene.broker, [failureOf('old')]);
  await payments.publish(scene.broker, [failureOf('new')]);
  await waitUntil(() => compensated.length > 1, { what: 'the declared one' });
  expect(compensated).toEqual(['before', 'new']);
});

it('a consumer without a list knows a limited number of sources, and halts at the event of one more', async () => {
  const records = Array.from({ length: MOST_SOURCES + 1 }, (_, n) => {
    const made = foreignRecord(counted({ key: `k${n}`, n }), randomUUID(), 1);
    const position = [
      [WIRE.source, `s${n}`],
      [WIRE.sourceId, randomUUID()],
      [WIRE.position, '1.1.1'],
      [WIRE.prev, '1.0.0'],
    ] as const;
    const headers = [...new Map([...made.record.headers, ...position])];
    return { ...made, record: { ...made.record, headers } };
  });
  await sendRecords(scene.broker, records);
  const service = await scene.start(consumer);
  const state = () => service.status()[0]!.partitions[0];
  await waitUntil(() => state()?.state === 'halted', { what: 'the halt' });
  expect(state()).toMatchObject({ code: 'too_many_sources', nextOffset: BigInt(MOST_SOURCES) });
  expect(await lines(scene.database)).toHaveLength(MOST_SOURCES);
  expect(await rows('select jsonb_object_keys(sources) from converge.inbox_consumer')).toHaveLength(
    MOST_SOURCES,
  );
  expect(await rows('select from converge.inbox_watermark')).toHaveLength(MOST_SOURCES);
});
