import { expect, it } from 'vitest';
import { whyOf } from './why.ts';

const none = { events: [], parked: [], open: [], sagas: [], drift: [] };
const now = 100_000;
const since = new Date(40_000);
const parked = {
  id: 'p',
  consumer: 'stock',
  handler: 'h',
  topic: 'orders',
  key: 'k',
  eventId: 'e',
  category: 'service',
  code: 'DOWN',
  reason: 'the warehouse is away',
  since,
  nextAt: new Date(130_000),
  database: 'd',
};

it('a key without anything open has no reason to be late', () => {
  const saga = {
    saga: 'trip',
    instance: 'i',
    key: 'k',
    state: 'completed' as const,
    reason: null,
    startedAt: since,
    changedAt: since,
    database: 'd',
  };
  expect(whyOf({ ...none, sagas: [saga] }, now)).toEqual([]);
});

it('what needs an operator comes before what continues by itself', () => {
  const reasons = whyOf(
    {
      ...none,
      parked: [
        { ...parked, state: 'waiting' },
        { ...parked, state: 'dead' },
      ],
    },
    now,
  );
  expect(reasons.map(({ needs, text }) => [needs, text])).toEqual([
    [true, 'stock gave its event up 1 min ago, and its key waits: DOWN (service): the warehouse is away'],
    [
      false,
      'stock parked its event 1 min ago: DOWN (service): the warehouse is away; it tries again in 30 s',
    ],
  ]);
});

it('a saga is named once: by its open step, where that is known', () => {
  const step = {
    kind: 'step',
    name: 'trip',
    id: 'i',
    step: 'pay',
    state: 'stuck',
    reason: 'call_failing',
    since,
    database: 'd',
  } as const;
  const saga = {
    saga: 'trip',
    instance: 'i',
    key: 'k',
    state: 'stuck' as const,
    reason: 'x',
    startedAt: since,
    changedAt: since,
    database: 'd',
  };
  const other = { ...saga, instance: 'j', state: 'running' as const, reason: null };
  expect(
    whyOf({ ...none, open: [step], sagas: [saga, other] }, now).map(({ text, href }) => [text, href]),
  ).toEqual([
    ['step pay of saga trip is stuck for 1 min: call_failing', '/sagas/i'],
    ['saga trip is running', '/sagas/j'],
  ]);
});

it('events that are not published yet are one line, and a moment is no delay', () => {
  const event = {
    row: '1',
    eventId: 'e',
    topic: 't',
    key: 'k',
    type: 'x',
    published: false,
    replayOf: null,
    database: 'd',
  };
  const texts = (at: number) =>
    whyOf({ ...none, events: [{ ...event, at: new Date(at) }] }, now).map(({ text }) => text);
  expect(texts(99_000)).toEqual([]);
  expect(texts(40_000)).toEqual([
    'an event is not published yet, the oldest for 1 min: the relay or the broker is behind',
  ]);
});
