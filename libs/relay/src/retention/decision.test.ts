import type { OutboxChild } from '@convergekit/outbox/engine';
import { describe, expect, test } from 'vitest';
import { childrenToDetach, type Horizon, keepTicksFrom, lowestRetained } from './decision.ts';

const children: readonly OutboxChild[] = [
  { name: 'outbox_0', from: undefined, to: 100n },
  { name: 'outbox_100', from: 100n, to: 200n },
  { name: 'outbox_last', from: 200n, to: undefined },
];
const horizon = (finishedUpTo: bigint): Horizon => ({ sent: 50n, finishedUpTo, lowestNeeds: 40n });

describe('children that may be removed', () => {
  test.each([
    ['none when nothing is finished', 0n, []],
    ['none while one id of the range is not known to be drawn', 99n, []],
    ['from the upper bound on', 100n, ['outbox_0']],
    ['several, and never the last one', 10_000n, ['outbox_0', 'outbox_100']],
  ] as const)('children of the outbox may be removed: %s', (_, finishedUpTo, names) => {
    expect(childrenToDetach(children, horizon(finishedUpTo))).toEqual(names);
  });

  test('no child behind one that stays is removed: the retained rows are one range', () => {
    const reversed = [{ name: 'odd', from: undefined, to: undefined }, ...children];
    expect(childrenToDetach(reversed, horizon(10_000n))).toEqual([]);
  });
});

test('the lowest retained id is the lower bound of the first child, and 1 when it has none', () => {
  expect(lowestRetained(children)).toBe(1n);
  expect(lowestRetained(children.slice(1))).toBe(100n);
});

test.each([
  ['the last sent one', 50n, 60n, 70n, 50n],
  ['what a leader works its lowest id out from', 50n, 30n, 45n, 30n],
  ['the first that orders a retained row', 50n, 40n, 20n, 20n],
  ['everything, when nothing is known', 50n, undefined, undefined, 0n],
])('ticks stay from the lowest of its needs: %s', (_, sent, lowestNeeds, orders, keep) => {
  expect(keepTicksFrom({ sent, finishedUpTo: 0n, lowestNeeds }, orders)).toBe(keep);
});
