import { signatureHeader, signingKey, WIRE } from '@convergekit/contracts/engine';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import type { SignatureOptions } from './signatures.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { planReplay, replayPartition } from '../replay/replay.ts';
import { FixtureSource, type FixtureRecord, foreignRecord, sendRecords } from '../testing/fixture-source.ts';
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
const { name, topic, counted } = sceneForEach((opened) => (scene = opened));

const consumer = defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(counted, (event, { tx }) =>
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
    ...{ topic: to, partition, key: Buffer.from(record.key ?? ''), value: Buffer.from(record.value ?? '') },
    headers: record.headers.map(([header, value]): [string, Buffer] => [header, Buffer.from(value)]),
  };
  const header = signatureHeader(signingKey(secret), bytes);
  return { topic: to, partition, record: { ...record, headers: [...record.headers, header] } };
}

it('G4c: a record that is not signed by its source counts for nothing, whatever it claims', async () => {
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
  const pinned = await scene.database.executor.query('select name, source from converge.inbox_source');
  expect(pinned.rows).toEqual([{ name: 'orders', source: scene.source.id }]);
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
  // The renamed record is an event of a foreign producer, and the source's next event is no repeat of it.
  await handled(1, 2, 3, 4);
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
  await replayPartition(scene.database, admin, plan, { by: 'ann', reason: 'counted wrong' });
  await admin.close();
  await handled(1, 2, 1, 2);
});
