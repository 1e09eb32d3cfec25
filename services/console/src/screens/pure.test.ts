import { describe, expect, it } from 'vitest';
import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { worstFirst } from './attention/screen.ts';
import { sumByConsumer } from './consumers/consumer-tables.ts';
import { lagMs, readMembers } from './consumers/read-flow.ts';
import { reconcilerState } from './drift/parts.ts';
import { hiddenValue } from './drift/state-values.ts';
import { placeOf } from './policies/error-chart.ts';
import { sumOf } from './policies/error-rate.ts';
import { loadOf } from './schedules/read-schedules.ts';

const at = (minutes: number): Date => new Date(minutes * 60_000);

it('what needs an operator comes first, then the oldest, and what has no time last of its kind', () => {
  const item = (severity: 'act' | 'watch', minutes: number | null) => ({
    severity,
    since: minutes === null ? null : at(minutes),
  });
  const items = [item('watch', 1), item('act', null), item('act', 9), item('watch', null), item('act', 3)];
  expect(worstFirst(items)).toEqual([
    item('act', 3),
    item('act', 9),
    item('act', null),
    item('watch', 1),
    item('watch', null),
  ]);
});

it('a reconciler that runs is not sound while keys of it need an operator', async () => {
  const running = { held: null, paused: null, overdueSince: null, leader: 'a' };
  const text = async (verdict: string): Promise<string> =>
    String(await reconcilerState({ ...running, verdicts: [{ verdict, keys: 200, oldest: null }] } as never));
  expect(await text('unresolvable')).toContain('200 keys need you');
  expect(await text('pending')).toContain('runs');
});

it('the members of a consumer are the processes in the group of its name, with what each reads', async () => {
  const broker = memoryBroker();
  const admin = await broker.admin();
  await admin.createTopic({ name: 'orders', partitions: 2 });
  const consumer = broker.consumer({
    groupId: 'stock',
    topics: ['orders'],
    handlers: {
      assigned: (places) =>
        Promise.resolve(new Map(places.map((at) => [`${at.topic}/${at.partition}`, 'committed' as const]))),
      batch: () => Promise.resolve(),
      revoked: () => undefined,
    },
  });
  await consumer.start();
  await waitUntil(async () => (await readMembers(admin, ['stock']))[0]?.partitions.length === 2, {
    what: 'the group to be settled',
  });
  expect(await readMembers(admin, ['stock', 'billing', 'stock'])).toEqual([
    { consumer: 'stock', id: expect.any(String) as string, partitions: ['orders/0', 'orders/1'] },
  ]);
  await consumer.stop();
  await broker.close();
});

it('the sum of a consumer has the longest lag in time, no lag in records where one partition has none, and the halted ones first', () => {
  const partition = {
    database: 'shop',
    topic: 'orders',
    partition: 0,
    nextOffset: 0n,
    logEnd: null,
    halted: null,
    waits: null,
    watermarks: [],
    parkedKeys: 1,
    openGaps: 0,
  };
  const halted = { code: 'gap', reason: '', at: at(0) };
  const rows = sumByConsumer([
    { ...partition, consumer: 'a', lag: 3n, lagMs: 10 },
    { ...partition, consumer: 'a', lag: 4n, lagMs: null },
    { ...partition, consumer: 'b', lag: 1n, lagMs: 0, halted },
    { ...partition, consumer: 'b', lag: null, lagMs: null },
  ]);
  expect(rows).toEqual([
    {
      database: 'shop',
      consumer: 'b',
      partitions: 2,
      paused: 0,
      waiting: 0,
      halted: 1,
      lag: null,
      lagMs: 0,
      parkedKeys: 2,
      openGaps: 0,
    },
    {
      database: 'shop',
      consumer: 'a',
      partitions: 2,
      paused: 0,
      waiting: 0,
      halted: 0,
      lag: 7n,
      lagMs: 10,
      parkedKeys: 2,
      openGaps: 0,
    },
  ]);
});

it('a masked state keeps its fields and the type of each value, and null and absence as they are', () => {
  expect(hiddenValue({ note: 'secret', quantity: 3 }, 'masked')).toEqual({
    note: '‹text, 6›',
    quantity: '‹number›',
  });
  expect(hiddenValue({ note: 'secret' }, 'none')).toBe('‹hidden›');
  expect([hiddenValue(null, 'none'), hiddenValue(undefined, 'masked')]).toEqual([null, undefined]);
});

it('a partition is behind by the age of its newest handled event, and by nothing without lag', () => {
  const watermarks = [{ source: 'orders', position: '1.2.3', newestMs: 40_000 }];
  expect(lagMs({ lag: 3n }, watermarks, 100_000)).toBe(60_000);
  expect(lagMs({ lag: 0n }, watermarks, 100_000)).toBe(0);
  expect(lagMs({ lag: null }, watermarks, 100_000)).toBeNull();
  expect(lagMs({ lag: 3n }, [], 100_000)).toBeNull();
});

it('the share of the interval is above one when a run takes longer than the time between two starts', () => {
  const last = { id: '1', state: 'completed', startedAt: '', endedAt: null, durationMs: 90 * 60_000 };
  expect(loadOf({ previousAt: at(0), nextAt: at(60), last })).toBe(1.5);
  expect(loadOf({ previousAt: null, nextAt: at(60), last })).toBeNull();
});

describe('failed attempts around a change', () => {
  const spans = Array.from({ length: 10 }, (_, index) => (index < 5 ? 1 : 5));
  const rate = { from: at(0), to: at(100), spanMs: 10 * 60_000, spans };

  it('a moment outside the chart has no place on it', () => {
    expect(placeOf(at(50), rate)).toBe(480);
    expect(placeOf(at(-1), rate)).toBeUndefined();
  });

  it('failed attempts of handlers and of calls are added span by span', () => {
    const sum = sumOf([[0, 0, 0, 1], [0, 0, 0, 2], []], 96);
    expect(sum[3]).toBe(3);
    expect(sum).toHaveLength(96);
  });
});
