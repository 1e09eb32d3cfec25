import type { ReceivedEvent } from '@convergekit/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Subscription } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import { defaultSize, firstLimit, nextLimit, splitByWork, unitsOf } from './slice-parts.ts';

describe('unitsOf', () => {
  const subscription = (handler: string, kind: 'each' | 'batch'): Subscription<unknown> => ({
    kind,
    handler,
    topic: 't',
    type: handler,
    route: () => ({ kind: 'skip', why: 'unknown_type', of: '' }),
    call: () => Promise.resolve(),
  });
  const all = [subscription('a', 'each'), subscription('b', 'batch'), subscription('c', 'batch')];
  const handledOf = (spec: readonly (readonly [number, number])[]) =>
    spec.map(([which, key], offset) => ({
      subscription: all[which]!,
      event: { key: `k${key}`, offset: BigInt(offset) } as ReceivedEvent,
    }));

  // Planted fault: without the flush on a shared key, the calls of one key come out of order here.
  it('unitsOf calls handlers in the order of the log for every key, with every event once', () => {
    const spec = fc.array(fc.tuple(fc.nat(2), fc.nat(3)), { maxLength: 40 });
    fc.assert(
      fc.property(spec, (list) => {
        const handled = handledOf(list);
        const called = unitsOf(handled).flatMap(({ events }) => events);
        expect(called).toHaveLength(handled.length);
        for (const key of new Set(called.map((event) => event.key))) {
          const offsets = called.filter((event) => event.key === key).map(({ offset }) => offset);
          expect(offsets).toEqual(offsets.toSorted((a, b) => Number(a - b)));
        }
      }),
    );
  });

  it('unitsOf gathers a whole slice of one type into one call, whatever other keys it has', () => {
    const units = unitsOf(
      handledOf([
        [1, 1],
        [0, 2],
        [1, 3],
        [1, 1],
      ]),
    );
    expect(units.map(({ events }) => events.length)).toEqual([1, 3]);
  });
});

describe('splitByWork', () => {
  it('splitByWork keeps every step in order, with at most one event per part', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('handle', 'skip', 'refuse'), { maxLength: 20 }), (kinds) => {
        const steps = kinds.map((kind) => ({ kind })) as unknown as Step<unknown>[];
        const parts = splitByWork(steps);
        expect(parts.flat()).toEqual(steps);
        for (const part of parts)
          expect(part.filter(({ kind }) => kind !== 'skip').length).toBeLessThanOrEqual(1);
        for (const part of parts) expect(part.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('firstLimit', () => {
  it('firstLimit is small, and never above what the service allows', () => {
    expect(firstLimit({ sliceSize: 500 })).toBe(16);
    expect(firstLimit({ sliceSize: 1 })).toBe(1);
  });
});

describe('defaultSize', () => {
  it('defaultSize is larger only where every handler takes batches', () => {
    expect(defaultSize([{ kind: 'batch' }, { kind: 'batch' }])).toBe(1_500);
    expect(defaultSize([{ kind: 'batch' }, { kind: 'each' }])).toBe(500);
    expect(defaultSize([{ kind: 'failure' }])).toBe(500);
  });
});

describe('nextLimit', () => {
  const bounds = { sliceMs: 1_000, sliceSize: 500 };
  it.each([
    { limit: 16, tookMs: 10, next: 32 },
    { limit: 400, tookMs: 10, next: 500 },
    { limit: 100, tookMs: 600, next: 100 },
    { limit: 100, tookMs: 4_000, next: 25 },
    { limit: 1, tookMs: 60_000, next: 1 },
  ])('nextLimit after $limit events in $tookMs ms is $next', ({ limit, tookMs, next }) => {
    expect(nextLimit(limit, tookMs, bounds)).toBe(next);
  });
});
