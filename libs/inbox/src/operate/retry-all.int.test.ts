import { ConvergeError, systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { type LedgerDb, lines, note } from '../fixture/ledger.ts';
import { quickSchedule } from '../testing/quick.ts';
import { groupFailures, pageFailedKeys } from './failure-groups-sql.ts';
import { listParked, type ParkedCursor } from './parked-list.ts';
import { planRetry } from './retry-plan-sql.ts';
import { retryAll } from './retry-all.ts';

const operator = { by: 'ann', reason: 'the warehouse is back' };
/** The consent to contradict the failure events of dead letters. */
const anyway = { afterCompensation: true };
const span = () => ({ from: new Date(Date.now() - 60_000), to: new Date(), buckets: 6 });

let scene: FailureScene;
const { name, counted } = sceneForEach((opened) => (scene = opened));

/** 40 keys with an event each: an outage breaks 20 of them, a mistake in the data 10. It ends when `still.outage` is false. */
async function broken(still: { readonly outage: boolean }): Promise<void> {
  const events = Array.from({ length: 40 }, (_, n) => counted({ key: `k${n}`, n }));
  await scene.source.publish(scene.broker, events);
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
    const { n } = event.data;
    if (n % 4 === 1) throw new RangeError(`order ${n} has no "line ${n}"`);
    if (n % 2 === 0 && still.outage)
      throw new ConvergeError(`warehouse-${n} is away`, {
        code: 'AWAY',
        category: 'service',
        certainty: 'not_applied',
      });
    await note(tx, event);
  });
  await scene.start(consumer, {
    parking: {
      schedule: { ...quickSchedule, withinMs: 1 },
      pollMs: 20,
      systemic: { keys: 1_000, withinMs: 1_000 },
    },
  });
  await waitUntil(
    async () => (await listParked(scene.database.executor, { states: ['dead'] }, 99)).length === 30,
    {
      what: '30 dead letters',
    },
  );
}

// A shape that keeps the words with digits makes 30 groups; a plan without the filter counts 30.
it('G5p: failures with different ids in their texts are one group, and a replay of the group leaves the others alone', async () => {
  const still = { outage: true };
  await broken(still);
  const { executor } = scene.database;
  const groups = await groupFailures(executor, { states: ['dead'] }, span());
  expect(groups).toMatchObject([
    { code: 'AWAY', category: 'service', shape: '# is away', events: 20, keys: 20 },
    { code: 'RangeError', category: 'bug', shape: 'order # has no #', events: 10, keys: 10 },
  ]);
  expect(groups[0]?.counts.reduce((sum, count) => sum + count, 0)).toBe(20);
  const filter = { states: ['dead'] as const, fingerprint: groups[0]?.fingerprint ?? '' };
  const all = { matching: 20, keys: 20, reported: 20 };
  expect(await planRetry(executor, filter, anyway)).toEqual({ ...all, eligible: 20, ineligible: [] });
  const why = expect.stringContaining('--after-compensation') as string;
  expect(await planRetry(executor, filter)).toEqual({
    ...all,
    keys: 0,
    eligible: 0,
    ineligible: [{ why, events: 20 }],
  });
  still.outage = false;
  const seen: number[] = [];
  const done = await retryAll(scene.database, {
    filter,
    operator,
    ...anyway,
    rate: 10_000,
    stopAtPercent: 20,
    clock: systemClock,
    onProgress: ({ sent }) => seen.push(sent),
  });
  expect(done).toEqual({ sent: 20, refused: 0, applied: 20, failed: 0, pending: 0 });
  expect(seen.at(0)).toBe(1);
  expect(await lines(scene.database)).toHaveLength(30);
  expect(await listParked(executor, {}, 99)).toHaveLength(10);
  const { rows } = await executor.query(
    `select distinct by, act, substring(reason from '^after compensation .*: (.*)') as reason from converge.audit`,
  );
  expect(rows).toEqual([{ ...operator, act: 'parked retry' }]);
});

// Planted fault: without the look at outcomes all 20 are sent.
it('G5p: a replay into an outage that goes on stops by itself, and retries nothing twice', async () => {
  await broken({ outage: true });
  const done = await retryAll(scene.database, {
    filter: { states: ['dead'], code: 'AWAY' },
    operator,
    ...anyway,
    rate: 50,
    stopAtPercent: 20,
    clock: systemClock,
  });
  expect(done.stopped).toMatch(/^\d+ of \d+ failed again \(100 %, the limit is 20 %\)$/);
  expect(done.sent).toBeLessThan(20);
  const { rows } = await scene.database.executor.query<{ most: number }>(
    'select count(*)::int as most from converge.audit group by subject_id order by 1 desc limit 1',
  );
  expect(rows).toEqual([{ most: 1 }]);
});

// Planted fault: without the limit of the silence the retry never ends.
it('a replay that awaits outcomes while no consumer runs says so once, and ends with what to start', async () => {
  await broken({ outage: true });
  for (const service of scene.services) await service.stop();
  const waits: number[] = [];
  const done = await retryAll(scene.database, {
    filter: { states: ['dead'], code: 'AWAY' },
    operator,
    ...anyway,
    rate: 10_000,
    stopAtPercent: 20,
    clock: systemClock,
    silenceMs: 500,
    onWait: ({ pending }) => waits.push(pending),
  });
  expect(done).toMatchObject({ sent: 10, pending: 10, applied: 0, failed: 0 });
  expect(done.stopped).toMatch(/^no outcome for 0.5 s: 10 retried events are due, .*Start the consumer/);
  expect(waits).toEqual([10]);
});

it('a dry run counts what cannot be retried, with the reason', async () => {
  await broken({ outage: true });
  const { executor } = scene.database;
  await executor.query(`update converge.parked set closed = 'the step before it is undone' where key = 'k0'`);
  await executor.query(
    `update converge.parked set state = 'superseded', line = null, seq = null where key = 'k2'`,
  );
  expect(await planRetry(executor, { code: 'AWAY' }, anyway)).toMatchObject({
    matching: 20,
    eligible: 18,
    ineligible: expect.arrayContaining([
      { why: 'the step before it is undone', events: 1 },
      { why: 'its saga undid it before it took effect', events: 1 },
    ]) as unknown,
  });
});

// Planted fault: without the condition each of the line is retried in turn, a hundred thousand of one key.
it('a retry of what waits is one of the first event of each key, and the others follow it', async () => {
  const still = { away: true };
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
    if (still.away)
      throw new ConvergeError('away', { code: 'AWAY', category: 'service', certainty: 'not_applied' });
    await note(tx, event);
  });
  const hour = { baseMs: 3_600_000, factor: 1, capMs: 3_600_000 };
  await scene.start(consumer, {
    parking: { pollMs: 20, schedule: { ...quickSchedule, fast: hour, slow: hour } },
  });
  const events = Array.from({ length: 9 }, (_, n) => counted({ key: `k${n % 2}`, n }));
  await scene.source.publish(scene.broker, events);
  await scene.settled(9);
  const { executor } = scene.database;
  const waiting = { states: ['waiting'] as const };
  expect(await planRetry(executor, waiting)).toMatchObject({ matching: 2, eligible: 2, keys: 2 });
  still.away = false;
  const done = await retryAll(scene.database, { filter: waiting, operator, rate: 100, clock: systemClock });
  expect(done).toMatchObject({ sent: 2, refused: 0 });
  await waitUntil(async () => (await lines(scene.database)).length === 9, { what: 'all of both keys' });
});

it('the pages of events and of keys have each event and each key once', async () => {
  await broken({ outage: true });
  const { executor } = scene.database;
  const events: string[] = [];
  for (let after: ParkedCursor | undefined, more = true; more;) {
    const page = await listParked(executor, { states: ['dead'] }, 7, after);
    events.push(...page.map(({ id }) => id));
    after = page.at(-1)?.cursor;
    more = page.length === 7;
  }
  expect([events.length, new Set(events).size]).toEqual([30, 30]);
  const first = await pageFailedKeys(executor, { code: 'AWAY' }, { limit: 12 });
  const rest = await pageFailedKeys(executor, { code: 'AWAY' }, { after: first.at(-1), limit: 12 });
  expect(new Set([...first, ...rest].map(({ key }) => key)).size).toBe(20);
});
