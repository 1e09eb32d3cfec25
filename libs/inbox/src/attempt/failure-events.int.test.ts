import { readFileSync } from 'node:fs';
import { WIRE } from '@convergekit/contracts/engine';
import { BusinessRejection } from '@convergekit/core';
import { executorOf } from '@convergekit/postgres';
import { attributeNames, spanNames } from '@convergekit/telemetry/engine';
import { type EndedSpan, startTelemetry } from '@convergekit/telemetry/sdk';
import { waitUntil } from '@convergekit/testing';
import type { Transaction } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { captureLogs } from '@convergekit/telemetry/testing';
import { parse } from 'yaml';
import { defineConsumer } from '../define/define-consumer.ts';
import { inPlace } from '../testing/quick.ts';
import { stockScene } from '../fixture/failure-scene.ts';
import { sendRecords } from '../testing/fixture-source.ts';
import { type LedgerDb, note } from '../fixture/ledger.ts';
import { listParked, readParked } from '../operate/parked-list.ts';

/**
 * Tests of the traces of a failure for operators: parked row, alarm in the log, metric of the alert. Planted faults,
 * each tried here:
 * - `kindOf` without its look at `structural`: the missing column fires no alert;
 * - a drain without `aroundAttempts`: its attempt is in no trace.
 */

const logged: string[] = [];
beforeAll(() => captureLogs('debug', (line) => logged.push(line)));

const spans: EndedSpan[] = [];
const telemetry = startTelemetry({ serviceName: 'test', onSpan: (span) => spans.push(span) });
let stock: Awaited<ReturnType<typeof stockScene>>;
beforeEach(async () => {
  logged.length = 0;
  spans.length = 0;
  stock = await stockScene(inject('stack').databaseUrl);
});
afterEach(() => stock.scene.close());
afterAll(() => telemetry.shutdown());

const lines = () => logged.map((line) => JSON.parse(line) as Record<string, unknown>);
const alarms = () => lines().flatMap(({ alarm }) => (alarm === undefined ? [] : [alarm]));
const handling = (work: (n: number, tx: Transaction<LedgerDb>) => Promise<void> | void) =>
  defineConsumer<LedgerDb>(stock.name, { from: 'first' }).on(stock.events.counted, async (event, { tx }) => {
    await note(tx, event);
    await work(event.data.n, tx);
  });

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}
const rules = parse(
  readFileSync(new URL('../../../../infra/prometheus/consumers.rules.yaml', import.meta.url), 'utf8'),
) as Rules;

/** Sums an alert's counters for this test's consumer: above 0, the alert fires. */
async function fired(alert: string): Promise<number> {
  const { expr = '' } = rules.groups[0]!.rules.find((rule) => rule.alert === alert) ?? {};
  const [, metric = '', label = ''] = /(converge_\w+_total)\{(\w+="\w+")\}/.exec(expr) ?? [];
  expect(label).not.toBe('');
  const samples = (await telemetry.scrape()).body
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) && line.includes(label) && line.includes(stock.name));
  return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

it('S3, S59: a parked event records its origin, its failure, its attempts, its trace and its cause', async () => {
  const { scene, name, topic, events } = stock;
  let away = true;
  const trace = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01';
  const first = scene.source.record(events.counted({ key: 'k', n: 0 }));
  const second = scene.source.record(events.counted({ key: 'k', n: 1 }));
  const context = [
    [WIRE.traceparent, trace],
    [WIRE.causationId, 'the-request'],
  ] as const;
  await sendRecords(scene.broker, [
    { ...first, record: { ...first.record, headers: [...first.record.headers, ...context] } },
    second,
  ]);
  const schedule = {
    fast: { baseMs: 1, factor: 1, capMs: 1 },
    fastAttempts: 9,
    slow: { baseMs: 1, factor: 1, capMs: 1 },
  };
  const parking = { schedule: { ...schedule, withinMs: 60_000 }, pollMs: 20 };
  await scene.start(
    handling((n) => {
      if (n === 0 && away) throw Object.assign(new Error('no way there'), { code: 'ECONNREFUSED' });
    }),
    { policies: inPlace({ attempts: 1 }), parking },
  );
  await stock.scene.settled(2);
  const [row] = await listParked(scene.database.executor, { key: 'k', code: 'ECONNREFUSED' }, 1);
  const detail = await readParked(scene.database.executor, row!.id);
  expect(detail).toMatchObject({ consumer: name, topic, partition: 0, offset: '0', category: 'network' });
  expect(detail!.attempts[0]).toMatchObject({ number: 1, outcome: 'park', category: 'network' });
  expect(detail!.attempts[0]!.traceparent).toContain('0123456789abcdef0123456789abcdef');
  expect(JSON.parse(detail!.headers)).toEqual(expect.arrayContaining(context.map((pair) => [...pair])));
  // Lost connections, however many, raise no alarm.
  expect([alarms(), await fired('ConvergeStructuralFailure')]).toEqual([[], 0]);

  away = false;
  await waitUntil(async () => (await listParked(scene.database.executor, {}, 9)).length === 0, {
    what: 'the drain',
  });
  const applied = await scene.database.executor.query(
    `select number > 1 as later, parked_at is not null as parked, traceparent from converge.inbox_attempt
      where outcome = 'applied' order by record_offset`,
  );
  // The second event was never tried before: it waited behind the first, and its attempt is recorded all the same.
  expect(applied.rows).toMatchObject([
    { later: true, parked: true },
    { later: false, parked: true },
  ]);
  const drained = await waitUntil(
    () =>
      spans.find(
        ({ name: span, attributes }) =>
          span === spanNames.attempt('test.counted') && attributes[attributeNames.outcome] === 'applied',
      ),
    { what: 'the span of the drain' },
  );
  expect(drained.traceId).toBe('0123456789abcdef0123456789abcdef');
  expect(applied.rows[0]!['traceparent']).toBe(`00-${drained.traceId}-${drained.spanId}-01`);
  expect(logged.filter((line) => line.split('"consumer":').length > 2)).toEqual([]);
  // Events that a drain applied, too, have a line each, for who develops.
  expect(lines().filter(({ msg }) => msg === 'applied')).toMatchObject([{ key: 'k' }, { key: 'k' }]);
});

it('each event has one line for who develops: that it took effect, was refused, or was compensated', async () => {
  const { scene, name, events } = stock;
  const sent = ['a', 'no', 'b'].map((key, n) => scene.source.record(events.counted({ key, n })));
  await sendRecords(scene.broker, sent);
  const consumer = handling((n) => {
    if (n === 1) throw new BusinessRejection('over the limit');
  });
  await scene.start(consumer, { policies: inPlace({ attempts: 1 }) });
  await stock.scene.settled(3);
  const logs = lines().filter(({ msg }) => msg !== undefined && msg !== 'attempt failed');
  expect(logs.map(({ msg, consumer: of, handler, key, reason }) => [of, msg, handler, key, reason])).toEqual([
    [name, 'applied', 'test.counted', 'a', undefined],
    [name, 'rejected', 'test.counted', 'no', 'over the limit'],
    [name, 'applied', 'test.counted', 'b', undefined],
  ]);
});

it('S15: unreadable bytes are attempted once, kept unchanged, and raise the alarm `data`', async () => {
  const { scene, events } = stock;
  const raw = Buffer.from([0xff, 0x00, 0x7b]);
  const bad = scene.source.record(events.counted({ key: 'k', n: 0 }));
  await sendRecords(scene.broker, [{ ...bad, record: { ...bad.record, value: raw } }]);
  await scene.start(handling(() => undefined));
  await stock.scene.settled(1);
  const [letter] = await scene.letters();
  expect(letter).toMatchObject({ category: 'data', payload: raw });
  expect(JSON.parse(letter!.attempts)).toHaveLength(1);
  expect(alarms()).toEqual(['data']);
  expect([await fired('ConvergeBadData'), await fired('ConvergeStructuralFailure')]).toEqual([1, 0]);
});

it('S53: a missing column raises the alarm `structural` at once, and a burst of lost connections raises none', async () => {
  const { scene, events } = stock;
  await scene.source.publish(
    scene.broker,
    Array.from({ length: 8 }, (_, n) => events.counted({ key: `k${n}`, n })),
  );
  const lost = Object.assign(new Error('connection failure'), { code: '08006' });
  const service = await scene.start(
    handling(async (n, tx) => {
      if (n < 7) throw lost;
      await executorOf(tx).query('select not_there from ledger');
    }),
    { policies: inPlace() },
  );
  await expect(service.done).rejects.toMatchObject({
    code: 'CONSUMER_STOPPED',
    message: expect.stringContaining('42703') as string,
  });
  expect(lines().filter(({ code }) => code === '08006').length).toBeGreaterThan(7);
  expect(lines().flatMap(({ alarm, code }) => (alarm === undefined ? [] : [[alarm, code]]))).toEqual([
    ['structural', '42703'],
  ]);
  expect(await fired('ConvergeStructuralFailure')).toBe(1);
  expect(await fired('ConvergeBadData')).toBe(0);
});
