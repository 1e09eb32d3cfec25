// Code that was removed once, and a test here failed: the allowance for the spread; "not measured" for a figure without a rival.
import { describe, expect, it } from 'vitest';
import { type Bar, barText, type Figure, measuredText, ratioOf, verdictOf } from './figure.ts';

function figure(bar: Bar, ours: number | undefined, rival: number | undefined, spread = 1): Figure {
  return {
    name: 'drain',
    bar,
    ours: ours === undefined ? undefined : { value: ours, unit: 'events/s' },
    rival: rival === undefined ? undefined : { value: rival, unit: 'events/s', who: 'Debezium' },
    spread,
  };
}

describe('a verdict', () => {
  const threeTimes: Bar = { kind: 'at least', ratio: 3, aim: 4 };
  it('a verdict on a lower bar is reached, reached with the aim, or missed', () => {
    expect(verdictOf(figure(threeTimes, 300, 100))).toBe('yes');
    expect(verdictOf(figure(threeTimes, 400, 100))).toBe('yes, the aim too');
    expect(verdictOf(figure(threeTimes, 299, 100))).toBe('NO');
  });

  const below: Bar = { kind: 'at most', ratio: 1, aim: 1 / 3 };
  it('a verdict on an upper bar is reached, reached with the aim, or missed', () => {
    expect(verdictOf(figure(below, 9, 10))).toBe('yes');
    expect(verdictOf(figure(below, 3, 10))).toBe('yes, the aim too');
    expect(verdictOf(figure(below, 11, 10))).toBe('NO');
  });

  it('a verdict accepts a miss of the bar within the spread, and says so, but no miss of the aim', () => {
    expect(verdictOf(figure(below, 11, 10, 1.2))).toBe('within the spread');
    expect(verdictOf(figure(below, 13, 10, 1.2))).toBe('NO');
    expect(verdictOf(figure(threeTimes, 280, 100, 1.1))).toBe('within the spread');
    expect(verdictOf(figure(below, 3.5, 10, 2))).toBe('yes');
  });

  it('a verdict on a limit needs no second side', () => {
    const limit: Bar = { kind: 'below', limit: 10, unit: 's' };
    expect(verdictOf(figure(limit, 6, undefined))).toBe('yes');
    expect(verdictOf(figure(limit, 10.1, undefined))).toBe('NO');
  });

  it('a verdict on a figure that was not measured is never positive', () => {
    expect(verdictOf(figure(threeTimes, undefined, 100))).toBe('not measured');
    expect(verdictOf(figure(threeTimes, 300, undefined))).toBe('not measured');
    expect(verdictOf(figure(threeTimes, Number.NaN, 100))).toBe('not measured');
    expect(verdictOf(figure(threeTimes, 300, 0))).toBe('not measured');
    expect(verdictOf(figure({ kind: 'report' }, undefined, undefined))).toBe('not measured');
    expect(verdictOf(figure({ kind: 'report' }, 5, undefined))).toBe('report');
  });
});

it('a figure is written with its bar, its ratio, and separators of thousands', () => {
  expect(barText({ kind: 'at least', ratio: 3, aim: 4 })).toBe('≥ 3x, aim 4x');
  expect(barText({ kind: 'at most', ratio: 0.25 })).toBe('≤ 0.25x');
  expect(barText({ kind: 'at most', ratio: 1, aim: 1 / 3 })).toBe('≤ 1x, aim 0.33x');
  expect(measuredText({ value: 123_456.7, unit: 'events/s' })).toBe('123,457 events/s');
  expect(measuredText({ value: 2.04, unit: 'ms', digits: 1 })).toBe('2.0 ms');
  expect(measuredText(undefined)).toBe('–');
  expect(ratioOf(figure({ kind: 'report' }, 10, 4))).toBe(2.5);
});
