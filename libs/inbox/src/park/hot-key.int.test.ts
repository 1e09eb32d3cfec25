/**
 * Tests of a key with more events than are kept for a key. Planted faults, each seen to fail here: rows of the key
 * beyond `maxRowsPerKey` with their bytes (the consumer's cap fills, and the other keys wait); a drain that does not
 * read the log.
 */
import type { memoryBroker } from '@convergekit/broker/testing';
import { ConvergeError } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { beforeEach, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { quickSchedule } from '../testing/quick.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';

let scene: FailureScene;
const { name, topic, counted, priced } = sceneForEach((opened) => (scene = opened));
let away: boolean;
beforeEach(() => {
  away = true;
});

const start = (parking: object) =>
  scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      if (away && event.data.key === 'hot')
        throw new ConvergeError('away', { code: 'AWAY', category: 'service', certainty: 'not_applied' });
      await note(tx, event);
    }),
    { parking: { schedule: quickSchedule, pollMs: 20, ...parking } },
  );
const hot = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => counted({ key: 'hot', n: from + at }));
const rows = async (sql: string) => (await scene.database.executor.query(sql)).rows;
const effects = async () => (await lines(scene.database)).map(({ n }) => n);

it('G5a: a key with more events than the consumer may park delays no other key, and is applied in order', async () => {
  const service = await start({ maxRows: 10, maxRowsPerKey: 4 });
  await scene.source.publish(scene.broker, [...hot(1, 30), counted({ key: 'other', n: 100 })]);
  await waitUntil(async () => (await effects()).includes(100), { what: 'the other key' });
  expect(service.status()[0]!.partitions[0]?.state).toBe('running');
  const [kept] = await rows(
    `select count(*) filter (where not in_log)::int as here, count(*) filter (where in_log)::int as in_log,
            count(payload)::int as payloads from converge.parked`,
  );
  expect(kept).toEqual({ here: 4, in_log: 26, payloads: 4 });
  away = false;
  await scene.source.publish(scene.broker, hot(31, 33));
  await waitUntil(async () => (await effects()).length === 34, { what: 'all events' });
  expect((await effects()).filter((n) => n < 100)).toEqual(Array.from({ length: 33 }, (_, n) => n + 1));
  expect(await rows('select from converge.parked')).toEqual([]);
});

// Planted fault: each event of the line in a transaction of its own.
it('G5a: a released line is applied in transactions of many events, in order, and one that fails in the middle stops there', async () => {
  const bad = new Set([150]);
  const service = await scene.start(
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx, emit }) => {
      if (away || bad.has(event.data.n))
        throw new ConvergeError('away', { code: 'AWAY', category: 'service', certainty: 'not_applied' });
      await note(tx, event);
      emit(priced(event.data));
    }),
    { parking: { schedule: quickSchedule, pollMs: 20, maxRowsPerKey: 20 } },
  );
  await scene.source.publish(scene.broker, hot(1, 400));
  await waitUntil(async () => (await scene.offset()) === 400, { what: 'the end of the log' });
  away = false;
  const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);
  await waitUntil(async () => (await effects()).length >= 149, { what: 'the events before the bad one' });
  await waitUntil(
    async () =>
      (await rows(`select from converge.parked where tries > 1 and event_id is not null`)).length === 1,
    { what: 'retries of the bad one alone' },
  );
  expect(await effects()).toEqual(upTo(149));
  bad.clear();
  await waitUntil(async () => (await rows('select from converge.parked_key')).length === 0, {
    what: 'the release',
  });
  expect(await effects()).toEqual(upTo(400));
  // 400 events, of which those of one transaction that failed went singly.
  const [made] = await rows(
    'select count(distinct xmin::text)::int as transactions from ledger where n > 150',
  );
  expect(made?.['transactions']).toBeLessThan(25);
  // Each has its attempt on record, and what it emitted in the order of the line.
  const recorded = await rows(
    `select count(*)::int as n from converge.inbox_attempt where outcome = 'applied'`,
  );
  expect(recorded).toEqual([{ n: 400 }]);
  const emitted = await rows("select payload::json ->> 'n' as n from converge.outbox order by id");
  expect(emitted.map(({ n }) => Number(n))).toEqual(upTo(400));
  await service.stop();
});

it('large events of one key are kept up to a limit of bytes', async () => {
  await start({ maxBytesPerKey: 1_500 });
  await scene.source.publish(scene.broker, hot(1, 8));
  await waitUntil(async () => (await scene.offset()) === 8, { what: 'the end of the log' });
  const [kept] = await rows('select count(*) filter (where in_log)::int as in_log from converge.parked');
  expect(kept?.['in_log']).toBeGreaterThan(0);
  expect(kept?.['in_log']).toBeLessThan(8);
});

it('a parked event whose record left the log becomes a dead letter by name', async () => {
  await start({ maxRowsPerKey: 1 });
  await scene.source.publish(scene.broker, hot(1, 3));
  await waitUntil(async () => (await scene.offset()) === 3, { what: 'the end of the log' });
  const { broker } = scene as unknown as { broker: ReturnType<typeof memoryBroker> };
  broker.truncate(topic, 0, 2n);
  away = false;
  await waitUntil(async () => (await scene.letters()).length > 0, { what: 'the dead letter' });
  expect(await scene.letters()).toMatchObject([{ code: 'PARKED_RECORD_GONE' }]);
  expect(await effects()).toEqual([1]);
  // The order is kept: the third event, which the log has, waits behind the parked one.
  expect(await rows(`select from converge.parked where state = 'waiting'`)).toHaveLength(1);
});
