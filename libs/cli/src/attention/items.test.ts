import { expect, it } from 'vitest';
import { BRIEF_MS, FORGOTTEN_MS, RESTART_MS } from './bounds.ts';
import {
  gapItems,
  goneCondition,
  haltedItems,
  parkedItems,
  pausedItems,
  waitItems,
} from './consumer-items.ts';
import type { Condition } from './item.ts';
import { journalItems, lateKeyItems, reconcilerItems, workerItems } from './items.ts';
import { relayGoneItems } from './relay-gone.ts';
import { lateCallItems, lateSagaItems, MOST_PAUSES, pauseItems } from './saga-items.ts';

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
  expect(pausedItems(partitions, FORGOTTEN_MS)).toMatchObject([
    {
      kind: 'consumer_paused',
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
      kind: 'partition_waits',
      severity: 'act',
      alarm: 'systemic_fault',
      since: new Date(1_000),
      text: 'stock waits (2 partitions): systemic_fault it is',
    },
    { severity: 'watch', alarm: 'breaker_open', text: 'stock waits (1 partition): breaker_open it is' },
  ]);
});

it('a consumer without a process needs an operator, once its records have waited for longer than a restart', () => {
  const gone = { consumer: 'stock', lag: 7n, oldest: at };
  const text = 'no process of stock runs: 7 records wait';
  expect(goneCondition(gone, at.getTime() + RESTART_MS - 1)).toMatchObject({ severity: 'note', text });
  expect(goneCondition(gone, at.getTime() + RESTART_MS)).toMatchObject({
    severity: 'act',
    alarm: 'consumer_gone',
    text,
  });
  expect(goneCondition({ ...gone, oldest: null }, 0)).toMatchObject({ severity: 'act' });
});

it('calls that wait are named with their last failure, and with what the breaker of the other system refused', () => {
  const late = { effect: 'bank.charge', calls: 400, oldestMs: 60_000, reason: 'HTTP_500', refused: 380 };
  const texts = lateCallItems(
    [late, { ...late, refused: 400 }, { ...late, calls: 1, reason: null, refused: 0 }],
    90_000,
  );
  expect(texts[0]).toMatchObject({ severity: 'watch', alarm: 'calls_waiting', since: new Date(30_000) });
  expect(texts.map(({ text }) => text)).toEqual([
    '400 calls of bank.charge wait: the last failure is mostly HTTP_500; an open breaker refused 380 of them since',
    '400 calls of bank.charge wait: the last failure is mostly HTTP_500; an open breaker refused all of them since',
    '1 call of bank.charge waits: no attempt was made yet',
  ]);
});

it('sagas that an observer found late or stuck are one item for each saga and state', () => {
  const late = { saga: 'order', since: at };
  expect(
    lateSagaItems([
      { ...late, state: 'expired', count: 2 },
      { ...late, state: 'stuck', count: 1 },
    ]).map(({ severity, alarm, text }) => [severity, alarm, text]),
  ).toEqual([
    ['watch', 'saga_expired', '2 sagas of order are expired: not ended in time'],
    ['act', 'step_stuck', '1 saga of order is stuck by what the observer read'],
  ]);
});

it('keys that no worker takes, and drifts that wait for something else, are one item of their reconciler', () => {
  const late = { reconciler: 'copy', due: 2, waiting: 1, reason: 'an event is parked', since: at };
  expect(lateKeyItems([late])).toMatchObject([
    {
      alarm: 'reconcile_keys_late',
      text: 'copy: 2 keys are due, and no worker takes them; 1 drift waits: an event is parked',
    },
  ]);
});

it('an outbox without a relay needs an operator after a restart, with what the catalog knows of its login', () => {
  const role = { canLogin: true, canConnect: true, validUntil: null, isOver: false, sessions: 0 };
  const found = { holder: 'host:1', since: at, login: 'relay_shop', role };
  const now = at.getTime() + RESTART_MS;
  const said = (change: object, options = { oldestMs: 0, now }) => {
    const [one] = relayGoneItems({ ...found, ...change }, options);
    return [one?.severity, one?.text.replace('no relay leads since host:1 ended: ', ''), one?.next];
  };
  expect(relayGoneItems(undefined, { oldestMs: 9e9, now })).toEqual([]);
  expect(said({}, { oldestMs: 0, now: now - 1 })[0]).toBe('note');
  expect(said({ since: null }, { oldestMs: BRIEF_MS - 1, now })[0]).toBe('note');
  expect(said({ since: null }, { oldestMs: BRIEF_MS, now })[0]).toBe('act');
  expect(said({})).toEqual([
    'act',
    expect.stringMatching(/^its login relay_shop may log in and has no session here/),
    'converge relay',
  ]);
  expect(said({ role: null })).toEqual([
    'act',
    'its login relay_shop does not exist any more',
    'create role "relay_shop" login',
  ]);
  expect(said({ role: { ...role, canLogin: false } })[2]).toBe('alter role "relay_shop" login');
  expect(said({ role: { ...role, isOver: true, validUntil: at } }).slice(1)).toEqual([
    'the password of its login relay_shop ended at 1970-01-01T00:00:50.000Z',
    `alter role "relay_shop" valid until 'infinity'`,
  ]);
  expect(said({ role: { ...role, canConnect: false } })[2]).toBe(
    'as the owner: converge roles relay --to relay_shop | psql',
  );
  expect(said({ role: { ...role, sessions: 2 } })[1]).toContain('has 2 open sessions here');
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

it('held repairs, an overdue start, keys left to an operator and a pause are items', () => {
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
    ['reconcile_paused', 'copy is paused by ada: counting'],
  ]);
});

// A list that is cut without a word makes an operator believe that the rest goes on.
it('a full list of pauses says that there may be more', () => {
  const pause = { saga: 'order', instance: 'o1', at, by: 'ann', reason: 'audit', held: 1, inFlight: 0 };
  const pauses = Array.from({ length: MOST_PAUSES }, () => pause);
  expect(pauseItems(pauses, 0).at(-1)).toMatchObject({
    text: 'these are the oldest 200 pauses, and there may be more',
  });
  expect(pauseItems(pauses.slice(1), 0).at(-1)?.text).toContain('order o1 is paused by ann');
  const severities = [FORGOTTEN_MS - 1, FORGOTTEN_MS].map(
    (ms) => pauseItems([pause], at.getTime() + ms)[0]?.severity,
  );
  expect(severities).toEqual(['watch', 'act']);
});
