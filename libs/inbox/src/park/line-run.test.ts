import { describe, expect, it } from 'vitest';
import type { Drained } from './apply-head.ts';
import { firstPace, isolated, paceAfter, runOf } from './line-run.ts';

const BOUNDS = { sliceMs: 1_000, sliceSize: 8 };

type Shape = { run?: number; partition?: number; attempts?: number; bytes?: 'here' | 'gone' } & (
  { step?: 'handle'; bypass?: boolean } | { step: 'refuse' } | { step: 'skip'; why: string }
);

/** An event of a line, with the parts that decide what is applied together. */
function parked(shape: Shape = {}): Drained<object> {
  const { run = 0, partition = 0, attempts = 0, bytes = 'here', ...step } = shape;
  const head = { run, bytes, record: { partition }, attempts: Array.from({ length: attempts }) };
  const { step: kind = 'handle', ...more } = step;
  const subscription = 'bypass' in more ? { bypassParked: more.bypass } : {};
  return { head, step: { kind, subscription, ...more } } as unknown as Drained<object>;
}

/** How many of these events one transaction applies. */
const together = (first: Shape, ...others: readonly Shape[]): number =>
  runOf([parked(first), ...others.map(parked)]).length;

describe('the events of a line that one transaction applies', () => {
  it('are all those that waited behind another one', () => {
    expect(together({}, {}, {}, {})).toBe(4);
    expect(together({}, { step: 'skip', why: 'ignored' }, {})).toBe(3);
  });

  it.each<[string, Shape]>([
    ['has failed', { attempts: 2 }],
    ['is refused', { step: 'refuse' }],
    ['has no handler here', { step: 'skip', why: 'unknown_type' }],
    ['has left the log', { bytes: 'gone' }],
    ['compensates', { bypass: true }],
  ])('leave one that %s to an attempt of its own', (_, alone) => {
    expect(together(alone, {}, {})).toBe(1);
    expect(together({}, {}, alone, {})).toBe(2);
  });

  it('are of one partition, and of one run of an operator', () => {
    expect(together({}, {}, { partition: 1 })).toBe(2);
    expect(together({ run: 1 }, {}, {})).toBe(1);
  });
});

describe('the pace of a line', () => {
  it('begins with the event that failed, and grows with each transaction that is quick', () => {
    const limits = [];
    for (let pace = firstPace; limits.length < 5; pace = paceAfter(pace, pace.limit, 10, BOUNDS))
      limits.push(pace.limit);
    expect(limits).toEqual([1, 2, 4, 8, 8]);
  });

  it('falls where a transaction takes long', () => {
    expect(paceAfter({ limit: 8, alone: 0 }, 8, 4_000, BOUNDS).limit).toBe(2);
  });

  it('is one by one for as many events as a transaction that failed had', () => {
    const limits = [];
    for (let pace = isolated(3); limits.length < 5; pace = paceAfter(pace, pace.limit, 10, BOUNDS))
      limits.push(pace.limit);
    expect(limits).toEqual([1, 1, 1, 2, 4]);
  });
});
