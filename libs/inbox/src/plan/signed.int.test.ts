import { signatureHeader, signingKey, WIRE } from '@convergekit/contracts/engine';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { consumerRef } from '../define/consumer-ref.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import type { SignatureOptions } from './signatures.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { planReplay, replayPartition } from '../replay/replay.ts';
import { foreignRecord } from '../fixture/foreign-record.ts';
import { FixtureSource, type FixtureRecord, sendRecords } from '../testing/fixture-source.ts';
import { paymentsFailure } from '../fixture/payments-failure.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

/**
 * Tests of sources that sign. Planted faults, each seen to fail here: `verified` left out of `workSlice`; a signature
 * that is looked at after the source is pinned (the forger's uuid is the one that counts); positions of a source that
 * signs, claimed under another name.
 */

const [first, second] = [
  'the first key of the source orders, long',
  'the second key of the source orders, long',
];
let scene: FailureScene;
const { name, topic, counted } = sceneForEach((opened) => (scene = opened), { more: ['payments.failures'] });

const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event, { tx }) =>
  note(tx, event),
);
const start = (signatures: SignatureOptions) => scene.start(consumer, { signatures, watchMs: 20 });
const event = (n: number) => counted({ key: 'k', n });
const handled = (...ns: readonly number[]) =>
  waitUntil(
    async () => JSON.stringify((await lines(scene.database)).map(({ n }) => n)) === JSON.stringify(ns),
    {
      what: `events ${ns.join(', ')}`,
    },
  );
const codes = async () => (await scene.letters()).map(({ code }) => code);

/** Signs a record as a relay with this key does. */
function signed({ topic: to, partition, record }: FixtureRecord, secret = first): FixtureRecord {
  const bytes = {
    topic: to,
    partition,
    key: Buffer.from(record.key ?? ''),
    value: Buffer.from(record.value ?? ''),
    headers: record.headers.map(([header, value]): [string, Buffer] => [header, Buffer.from(value)]),
  };
  const header = signatureHeader(signingKey(secret), bytes);
  return { topic: to, partition, record: { ...record, headers: [...record.headers, header] } };
}

it('G4c, N8: a record that is not signed by its source counts for nothing, whatever it claims', async () => {
  await start({ keys: { orders: first } });
  const forger = new FixtureSource({ partitions: 1, name: 'orders' });
  const [one, two] = [scene.source.record(event(1)), scene.source.record(event(2))];
  await sendRecords(scene.broker, [
    forger.record(event(90)), // would be pinned as `orders`
    foreignRecord(event(91), 'foreign', 1),
    signed(one),
    signed(scene.source.copy().record(event(92)), 'a key that the forger made up, also long'),
    scene.source.copy().record(event(93)),
    signed(two),
  ]);
  await handled(1, 2);
  expect(await codes()).toEqual([
    ...['SIGNATURE_MISSING', 'SIGNATURE_MISSING', 'SIGNATURE_INVALID', 'SIGNATURE_MISSING'],
  ]);
  const pinned = await scene.database.executor.query('select sources from converge.inbox_consumer');
  expect(pinned.rows).toEqual([{ sources: { [scene.source.id]: 'orders' } }]);
});

it('signing keys are rotated without a pause: both count meanwhile', async () => {
  await start({ keys: { orders: [first, second] } });
  await sendRecords(scene.broker, [
    signed(scene.source.record(event(1)), first),
    signed(scene.source.record(event(2)), second),
    signed(scene.source.record(event(3)), first),
  ]);
  await handled(1, 2, 3);
  expect(await codes()).toEqual([]);
});

it('accepted unsigned records never count with positions of a source that signs', async () => {
  await start({ keys: { orders: first }, others: 'accept' });
  await sendRecords(scene.broker, [signed(scene.source.record(event(1)))]);
  await handled(1);
  const { record, ...place } = scene.source.copy().record(event(2));
  const renamed = record.headers.map(([header, value]) =>
    header === WIRE.source ? ([header, 'another-name'] as const) : ([header, value] as const),
  );
  await sendRecords(scene.broker, [
    { ...place, record: { ...record, headers: renamed } },
    foreignRecord(event(3), 'foreign', 1),
    signed(scene.source.record(event(4))),
  ]);
  await handled(1, 3, 4);
  expect(await codes()).toEqual(['SIGNATURE_MISSING']);
});

// Without the look at the owner's key, event 2 of the source would be a repeat.
it('a source that signs with its own key cannot send with the identity of another one', async () => {
  await start({ keys: { orders: first, payments: second } });
  await sendRecords(scene.broker, [signed(scene.source.record(event(1)))]);
  await handled(1);
  const thief = new FixtureSource({ partitions: 1, name: 'payments', id: scene.source.id });
  thief.tick = 1_000n;
  await sendRecords(scene.broker, [
    signed(thief.record(event(90)), second),
    signed(scene.source.record(event(2))),
  ]);
  await handled(1, 2);
  expect(await codes()).toEqual(['SIGNATURE_INVALID']);
});

// Planted fault: an unsigned source that is pinned at first sight. Events 1 to 3 are then repeats, and nothing says so.
it('an accepted unsigned record that claims the uuid of a source before it signed its first event hides none of its events', async () => {
  await start({ keys: { orders: first }, others: 'accept' });
  const liar = new FixtureSource({ partitions: 1, name: 'liar', id: scene.source.id });
  liar.tick = 1_000n;
  await sendRecords(scene.broker, [liar.record(event(90))]);
  await handled(90);
  await sendRecords(
    scene.broker,
    [1, 2, 3].map((n) => signed(scene.source.record(event(n)))),
  );
  await handled(90, 1, 2, 3);
  expect(await codes()).toEqual([]);
});

it('positions of an unsigned source that was pinned before signatures count on: a repeat is not handled again', async () => {
  const one = scene.source.record(event(1));
  const before = await scene.start(consumer);
  await sendRecords(scene.broker, [one]);
  await handled(1);
  await before.stop();
  await start({ keys: { other: first }, others: 'accept' });
  await sendRecords(scene.broker, [one, scene.source.record(event(2))]);
  await handled(1, 2);
});

// Planted fault: without the comparison in `read`, the watermark goes to what the forged record names, and nothing is repeated.
it('a replay sets no watermark back to the claim of an unsigned record', async () => {
  const signatures = { keys: { orders: first } };
  await start(signatures);
  const forged = scene.source.copy().record(event(90));
  const claims: Readonly<Record<string, string>> = { [WIRE.position]: '1.900.900', [WIRE.prev]: '1.899.899' };
  const headers = forged.record.headers.map(([header, value]) => [header, claims[header] ?? value] as const);
  await sendRecords(scene.broker, [
    { ...forged, record: { ...forged.record, headers } },
    signed(scene.source.record(event(1))),
    signed(scene.source.record(event(2))),
  ]);
  await handled(1, 2);
  await waitUntil(async () => (await scene.offset()) === 3, { what: 'the end of the log' });
  const admin = await scene.broker.admin();
  const key = { consumer: name, topic, partition: 0 };
  const from = { kind: 'everything' } as const;
  const plan = await planReplay(scene.database.executor, admin, key, from, signatures);
  expect(plan.effects).toEqual([{ type: 'test.counted', handler: 'test.counted', events: 2 }]);
  const operator = { by: 'ann', reason: 'counted wrong' };
  await replayPartition(scene.database, admin, plan, operator, { afterCompensation: true });
  await admin.close();
  await handled(1, 2, 1, 2);
});

describe('failure events where signatures are on', () => {
  const keys = { orders: first, payments: second };
  const failureOf = (key: string) => paymentsFailure(counted, key);
  let compensated: string[];
  const compensating = async (signatures: SignatureOptions, failureSources = {}): Promise<void> => {
    compensated = [];
    await scene.start(
      defineConsumer<LedgerDb>(name, { from: 'earliest', failureSources }).onFailure(
        consumerRef('payments'),
        counted,
        ({ event: failed }) => void compensated.push(failed.key),
      ),
      { signatures },
    );
  };
  /** Waits for the end of the failure topic, and returns the keys that were compensated and the refused ones. */
  const outcome = async (records: number) => {
    const sql = `select next_offset::int as at from converge.inbox_partition where topic = 'payments.failures'`;
    const read = async () => (await scene.database.executor.query<{ at: number }>(sql)).rows[0]?.at;
    await waitUntil(async () => (await read()) === records, { what: 'the end of the failure topic' });
    const { rows } = await scene.database.executor.query<{ key: string; code: string; closed: string }>(
      'select key, code, closed from converge.parked order by record_offset',
    );
    return { compensated, refused: rows.map(({ key, code }) => `${key} ${code}`), closed: rows[0]?.closed };
  };

  // Planted fault: the first source seen counts (`mayReport`). `forged` is then compensated, and `genuine` is refused.
  it('a failure event that another source signed first is refused, and the genuine one compensates', async () => {
    const payments = new FixtureSource({ partitions: 1, name: 'payments' });
    await compensating({ keys });
    await sendRecords(scene.broker, [
      signed(scene.source.record(failureOf('forged')), first),
      signed(payments.record(failureOf('genuine')), second),
    ]);
    expect(await outcome(2)).toEqual({
      compensated: ['genuine'],
      refused: ['forged FAILURE_SOURCE'],
      closed: expect.stringContaining(
        'failure events of payments come from the source that signs as payments',
      ),
    });
  });

  it('failure events count from the source that is named for their consumer, whatever the names', async () => {
    await compensating({ keys, failures: { payments: 'orders' } });
    const other = new FixtureSource({ partitions: 1, name: 'payments' });
    await sendRecords(scene.broker, [
      signed(scene.source.record(failureOf('by orders')), first),
      signed(other.record(failureOf('by payments')), second),
    ]);
    expect(await outcome(2)).toMatchObject({
      compensated: ['by orders'],
      refused: ['by payments FAILURE_SOURCE'],
    });
  });

  it('an unsigned failure event of a declared source is refused where others are accepted', async () => {
    const payments = new FixtureSource({ partitions: 1, name: 'payments' });
    await compensating({ keys: { orders: first }, others: 'accept' }, { payments: payments.id });
    await sendRecords(scene.broker, [payments.record(failureOf('unsigned'))]);
    expect(await outcome(1)).toMatchObject({ compensated: [], refused: ['unsigned FAILURE_SOURCE'] });
  });

  it('failure events of a source without a key are refused at the start', async () => {
    await expect(compensating({ keys, failures: { payments: 'unknown' } })).rejects.toMatchObject({
      code: 'CONSUMER_INVALID',
    });
  });
});
