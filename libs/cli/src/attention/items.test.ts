import { expect, it } from 'vitest';
import { gapItems, haltedItems, parkedItems, pausedItems } from './consumer-items.ts';
import type { Condition } from './item.ts';
import {
  breakerItems,
  journalItems,
  MOST_PAUSES,
  pauseItems,
  reconcilerItems,
  workerItems,
} from './items.ts';

const at = new Date(50_000);
const nameOf = (one: Condition) => (one.severity === 'note' ? 'note' : one.alarm);

it('dead letters need an operator, retried events are late, and those behind them are a note', () => {
  const group = {
    consumer: 'stock',
    topic: 'orders',
    structural: false,
    events: 2,
    keys: 1,
    holding: 2,
    oldest: at,
    reason: null,
  };
  const items = parkedItems([
    { ...group, state: 'dead', category: 'bug', code: 'TypeError' },
    { ...group, state: 'waiting', category: 'service', code: 'DOWN' },
    { ...group, state: 'waiting', category: 'configuration', code: '42703', structural: true },
    { ...group, state: 'waiting', category: null, code: null },
    { ...group, state: 'skipped', category: 'data', code: 'X' },
  ]);
  expect(items.map((one) => [one.severity, nameOf(one)])).toEqual([
    ['act', 'bug'],
    ['watch', 'exhausted'],
    ['act', 'structural'],
    ['note', 'note'],
  ]);
});

it('a dead letter whose key was released needs no operator: it was given up, and its failure event was sent', () => {
  const group = {
    consumer: 'stock',
    topic: 'orders',
    structural: false,
    events: 2,
    keys: 2,
    oldest: at,
    reason: null,
    category: 'service',
    code: 'DOWN',
    state: 'dead' as const,
  };
  const items = parkedItems([
    { ...group, holding: 0 },
    { ...group, holding: 1 },
  ]);
  expect(items.map(({ severity, text }) => [severity, text])).toEqual([
    ['watch', expect.stringMatching(/: given up and reported to its compensations/)],
    ['act', 'stock: 2 dead letters of 2 keys of orders, DOWN (service)'],
  ]);
});

it('the partitions of a consumer that an operator paused are one item, which resumes it', () => {
  const halted = (ms: number) => ({
    code: 'operator_paused',
    reason: 'paused by ada: a bad release. It continues by `converge consumers resume stock --reason "…"`',
    at: new Date(ms),
  });
  const partitions = [3, 1, 2].map((ms, partition) => ({
    consumer: 'stock',
    topic: 'orders',
    partition,
    halted: halted(ms),
  })) as never;
  expect(haltedItems(partitions)).toEqual([]);
  expect(pausedItems(partitions)).toMatchObject([
    {
      kind: 'consumer_paused',
      severity: 'watch',
      since: new Date(1),
      text: 'stock is paused by ada: a bad release (3 partitions)',
      next: 'converge consumers resume stock --reason "…"',
    },
  ]);
});

it('calls behind an open breaker are named', () => {
  expect(breakerItems([{ effect: 'bank.charge', calls: 400, oldestMs: 60_000 }], 90_000)).toMatchObject([
    {
      severity: 'watch',
      alarm: 'breaker_open',
      since: new Date(30_000),
      text: 'the breaker of bank.charge is open: 400 calls wait',
    },
  ]);
});

it('the gaps of a consumer towards one source are one item', () => {
  const gap = {
    consumer: 'stock',
    topic: 'orders',
    partition: 0,
    source: 'shop',
    after: '1.1.1',
    upTo: '1.1.9',
  };
  const items = gapItems([
    { ...gap, gap: '1' },
    { ...gap, gap: '2', partition: 1 },
    { ...gap, gap: '3', source: 'bank' },
  ]);
  expect(items.map(({ text }) => text)).toEqual([
    'stock lacks events of shop in orders: 2 open gaps',
    'stock lacks events of bank in orders: 1 open gap',
  ]);
});

it('a stuck step needs an operator, an open one is late, and calls without a worker are named once', () => {
  const entry = { name: 'trip', id: 'i', key: 'k', step: 'pay', ageMs: 40_000 };
  const unclaimed = [{ effect: 'mail', calls: 3, oldestMs: 20_000 }];
  const items = journalItems(
    [
      { ...entry, kind: 'step', state: 'stuck' },
      { ...entry, kind: 'step', state: 'started' },
      { ...entry, kind: 'call', name: 'mail', step: null, state: 'ready' },
    ],
    unclaimed,
    90_000,
  );
  expect(items.map(({ kind, severity, alarm, since }) => [kind, severity, alarm, since])).toEqual([
    ['saga', 'act', 'step_stuck', at],
    ['saga', 'watch', 'journal_overdue', at],
  ]);
  expect(workerItems(unclaimed, 70_000)).toMatchObject([
    { text: 'no worker does mail: 3 calls wait; start its service', since: at },
  ]);
});

it('held repairs, an overdue start and keys left to an operator are items; a pause is none', () => {
  const status = {
    name: 'copy',
    now: at,
    lastCompletedAt: null,
    paused: null,
    held: null,
    approved: null,
    overdueSince: null,
    requestedBy: null,
    leader: 'host',
    keys: { queued: 0, pending: 4, running: 0, terminal: 0 },
  };
  const items = reconcilerItems([
    { ...status, held: { at, reason: 'too many repairs' } },
    { ...status, overdueSince: at },
    { ...status, keys: { ...status.keys, terminal: 2 } },
    { ...status, paused: { at, by: 'ada', reason: 'counting' } },
  ] as never);
  expect(items.map((one) => [nameOf(one), one.text])).toEqual([
    ['reconcile_held', 'copy is held: too many repairs; 4 keys wait with a drift'],
    ['reconcile_overdue', expect.stringMatching(/^copy: the start of .* was not made/)],
    ['reconcile_unresolvable', 'copy leaves 2 keys to an operator'],
  ]);
});

// A list that is cut without a word makes an operator believe that the rest goes on.
it('a full list of pauses says that there may be more', () => {
  const pause = { saga: 'order', instance: 'o1', at, by: 'ann', reason: 'audit', held: 1, inFlight: 0 };
  const pauses = Array.from({ length: MOST_PAUSES }, () => pause);
  expect(pauseItems(pauses).at(-1)).toMatchObject({
    text: 'these are the oldest 200 pauses, and there may be more',
  });
  expect(pauseItems(pauses.slice(1)).at(-1)?.text).toContain('order o1 is paused by ann');
});
