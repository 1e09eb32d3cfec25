import { expect, it } from 'vitest';
import { FORGOTTEN_MS } from './bounds.ts';
import {
  journalItems,
  lateCallItems,
  lateSagaItems,
  MOST_PAUSES,
  pauseItems,
  workerItems,
} from './saga-items.ts';

const at = new Date(50_000);

it('calls that wait are named with their last failure, and with what the breaker of the other system refused', () => {
  const late = { call: 'bank.charge', calls: 400, oldestMs: 60_000, reason: 'HTTP_500', refused: 380 };
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

it('a stuck step needs an operator, an open one is late, and calls without a worker are named once', () => {
  const entry = { name: 'trip', id: 'i', key: 'k', step: 'pay', ageMs: 40_000 };
  const unclaimed = [{ call: 'mail', calls: 3, oldestMs: 20_000 }];
  const items = journalItems(
    [
      { ...entry, kind: 'step', state: 'stuck' },
      { ...entry, kind: 'step', state: 'started' },
      { ...entry, kind: 'call', name: 'mail', step: null, state: 'ready' },
    ],
    unclaimed,
    90_000,
  );
  expect(items.map(({ severity, alarm, since, page }) => [severity, alarm, since, page?.path])).toEqual([
    ['act', 'step_stuck', at, '/sagas/i'],
    ['watch', 'journal_overdue', at, '/sagas/i'],
  ]);
  expect(workerItems(unclaimed, 70_000)).toMatchObject([
    { text: 'no worker does mail: 3 calls wait; start its service', since: at },
  ]);
});
