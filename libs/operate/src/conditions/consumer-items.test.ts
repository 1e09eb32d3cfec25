import { expect, it } from 'vitest';
import { BRIEF_MS, FORGOTTEN_MS, RESTART_MS } from './bounds.ts';
import {
  gapItems,
  goneCondition,
  haltedItems,
  hotCondition,
  hotOf,
  parkedItems,
  pausedItems,
  waitItems,
} from './consumer-items.ts';
import type { FoundCondition } from './found.ts';

const at = new Date(50_000);
const nameOf = ({ alarm }: FoundCondition) => alarm;

it('dead letters need an operator, retried events are late, and those behind them are none of their own', () => {
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
  ]);
});

// Planted fault: a topic of six partitions that is made anew is six things to act on.
it('partitions of a consumer that are halted for one reason are one item with their number, the oldest first', () => {
  const halted = (code: string, ms: number) => ({ code, reason: `${code} it is`, at: new Date(ms) });
  const partitions = [...[5, 3, 4, 6].map((ms) => halted('topic_recreated', ms)), halted('gap', 7)].map(
    (one, partition) => ({ consumer: 'stock', topic: 'orders', partition, halted: one, waits: null }),
  );
  expect(haltedItems(partitions as never)).toMatchObject([
    {
      severity: 'act',
      alarm: 'topic_recreated',
      since: new Date(3),
      text: 'stock is halted at 4 partitions (orders/0, orders/1, orders/2 and 1 more): topic_recreated it is',
    },
    { alarm: 'gap', text: 'stock is halted at orders/4: gap it is' },
  ]);
});

// Planted fault: home says that one event waits, while a hundred thousand do.
it('an event that holds its key is shown with the number of those behind it', () => {
  const group = { consumer: 'stock', topic: 'orders', structural: false, keys: 1, oldest: at, reason: null };
  const behind = { ...group, state: 'waiting' as const, category: null, code: null, holding: 100_000 };
  const items = parkedItems([
    { ...behind, events: 100_000 },
    { ...behind, topic: 'returns', events: 7 },
    { ...group, state: 'waiting', category: 'service', code: 'DOWN', events: 1, holding: 1 },
    { ...group, state: 'dead', category: 'data', code: 'X', events: 1, holding: 0 },
  ]);
  expect(items.map(({ text }) => text)).toEqual([
    'stock: 1 event waits of 1 key of orders, DOWN (service); of this topic 100000 events wait behind such events',
    expect.not.stringContaining('behind such events'),
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
  expect(pausedItems(partitions, FORGOTTEN_MS)).toMatchObject([
    {
      alarm: 'operator_paused',
      state: 'paused',
      severity: 'watch',
      since: new Date(1),
      text: 'stock is paused by ada: a bad release (3 partitions)',
      next: 'converge consumers resume stock --reason "…"',
    },
  ]);
  // It may be forgotten after an hour.
  expect(pausedItems(partitions, FORGOTTEN_MS + 1)).toMatchObject([{ severity: 'act' }]);
});

it('a consumer that waits is one item for each reason, once it has waited for a minute', () => {
  const waits = (code: string, ms: number) => ({ code, reason: `${code} it is`, since: new Date(ms) });
  const partitions = [
    waits('systemic_fault', 2_000),
    waits('systemic_fault', 1_000),
    waits('breaker_open', 0),
    waits('breaker_open', 3_000),
    null,
  ].map((one, partition) => ({ consumer: 'stock', topic: 'orders', partition, halted: null, waits: one }));
  expect(waitItems(partitions as never, BRIEF_MS + 2_000)).toMatchObject([
    {
      severity: 'act',
      alarm: 'systemic_fault',
      since: new Date(1_000),
      text: 'stock waits (2 partitions), as its process noted: systemic_fault it is',
    },
    {
      severity: 'watch',
      alarm: 'breaker_open',
      text: 'stock waits (1 partition), as its process noted: breaker_open it is',
    },
  ]);
});

it('a consumer without a process needs an operator, once its records have waited for longer than a restart', () => {
  const gone = { consumer: 'stock', lag: 7n, oldest: at };
  const text =
    'no process of stock is in its group, and 7 records wait: none runs, or the broker refuses it, and its log says why; one that was removed from the code belongs in reconcile.scans.ignoredConsumers';
  expect(goneCondition(gone, at.getTime() + RESTART_MS - 1)).toMatchObject({ severity: 'note', text });
  expect(goneCondition(gone, at.getTime() + RESTART_MS)).toMatchObject({
    severity: 'act',
    alarm: 'consumer_gone',
    text,
  });
  expect(goneCondition({ ...gone, oldest: null }, 0)).toMatchObject({ severity: 'act' });
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

// Planted fault: a hot partition is not shown before its oldest record is ten minutes old.
it('a partition that is far behind the others of its topic is named with both numbers', () => {
  const partition = (topic: string, number: number, lag: bigint | null, more: object = {}) =>
    ({ consumer: 'stock', topic, partition: number, lag, halted: null, waits: null, ...more }) as never;
  const own = [partition('orders', 0, 5n), partition('orders', 1, 19_104n), partition('orders', 2, null)];
  const [hot, ...none] = hotOf(own);
  expect(none).toEqual([]);
  expect(hot === undefined ? undefined : hotCondition(hot, at)).toMatchObject({
    alarm: 'partition_hot',
    severity: 'watch',
    since: at,
    text: expect.stringMatching(/^stock is 19104 records behind in orders\/1, and at most 5 in each other/),
    next: 'converge consumers list stock',
  });
  // All are behind alike, it alone has records, it waits for a reason of its own, or few records wait.
  const even = [partition('orders', 0, 4_000n), partition('orders', 1, 19_104n)];
  const alone = [partition('orders', 0, 19_104n), partition('returns', 0, 0n)];
  const halted = [partition('orders', 0, 5n), partition('orders', 1, 19_104n, { halted: { code: 'gap' } })];
  const few = [partition('orders', 0, 0n), partition('orders', 1, 999n)];
  for (const each of [even, alone, halted, few]) expect(hotOf(each)).toEqual([]);
});
