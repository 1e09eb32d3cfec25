import { describe, expect, it } from 'vitest';
import type { Step } from '../plan/plan.ts';
import { groupsOf, jointWaitMs, mayJoin } from './joint-decision.ts';

/** Tests of which slices share a transaction. */
const record = { topic: 't', partition: 0, offset: 0n, timestampMs: 0, headers: [], value: null };
const handled = (key: string, more: object = {}): Step<never> =>
  ({ kind: 'handle', record: { ...record, key: Buffer.from(key) }, event: { key }, ...more }) as never;
const skipped = { kind: 'skip', why: 'ignored', record } as unknown as Step<never>;
const running = { standing: { held: new Set(['parked']) }, pause: undefined, limit: 16 };
const quick = { callMs: 1, openMs: 1 };

describe('mayJoin', () => {
  it('a small slice of events that are handled or skipped may join others', () => {
    expect(mayJoin(running, [skipped, handled('a'), handled('b')], quick)).toBe(true);
    expect(mayJoin(running, [handled('a')], { callMs: 0, openMs: 0 })).toBe(true);
  });

  it.each([
    ['an event whose key is parked', handled('parked')],
    ['an event behind a gap that is passed', handled('a', { passed: {} })],
    ['a filled event', handled('a', { fill: {} })],
    ['an event of a foreign producer', handled('a', { foreign: true })],
    ['an event that cannot be read', { ...handled('a'), kind: 'refuse' } as unknown as Step<never>],
  ])('a slice with %s goes alone', (_what, step) => {
    expect(mayJoin(running, [handled('b'), step], quick)).toBe(false);
  });

  it('a slice goes alone when it handles nothing, or many events', () => {
    expect(mayJoin(running, [skipped], quick)).toBe(false);
    expect(mayJoin(running, Array<Step<never>>(8).fill(handled('a')), quick)).toBe(true);
    expect(mayJoin(running, Array<Step<never>>(9).fill(handled('a')), quick)).toBe(false);
  });

  it('a partition that pauses, or isolates its events, goes alone', () => {
    expect(mayJoin({ ...running, pause: {} }, [handled('a')], quick)).toBe(false);
    expect(mayJoin({ ...running, limit: 1 }, [handled('a')], quick)).toBe(false);
  });

  it('slices go alone when a handler takes longer than four first statements', () => {
    expect(mayJoin(running, [handled('a')], { callMs: 40, openMs: 10 })).toBe(true);
    expect(mayJoin(running, [handled('a')], { callMs: 41, openMs: 10 })).toBe(false);
  });
});

describe('groupsOf', () => {
  const slice = (events: number) => ({ steps: Array<Step<never>>(events).fill(handled('a')) });
  const sizes = (events: readonly number[], pace = quick, sliceSize = 500) =>
    groupsOf(events.map(slice), pace, { sliceSize }).map((group) => group.map(({ steps }) => steps.length));

  it('a joint slice has at most 32 events, and fewer of slower handlers', () => {
    expect(sizes([8, 8, 8, 8, 1, 2])).toEqual([
      [8, 8, 8, 8],
      [1, 2],
    ]);
    expect(sizes([8, 8, 1], { callMs: 4, openMs: 1 })).toEqual([[8], [8], [1]].map((one) => one));
  });

  it('a joint slice has at most `sliceSize` events, so that one event a slice stays one', () => {
    expect(sizes([1, 1, 1], quick, 1)).toEqual([[1], [1], [1]]);
    expect(sizes([1, 1, 1], quick, 2)).toEqual([[1, 1], [1]]);
  });

  it('slices wait for those in work for about as long as one takes, within bounds', () => {
    expect([0, 1, 5, 20, 100].map((openMs) => jointWaitMs({ openMs }))).toEqual([25, 25, 40, 160, 250]);
  });
});
