import { describe, expect, it } from 'vitest';
import type { SkipReason } from '../plan/act.ts';
import type { Plan, Step } from '../plan/plan.ts';
import { canDefer, DEFER_MS, deferMore, MOST_DEFERRED, unknownOf } from './deferral.ts';

const record = (offset: bigint) =>
  ({ topic: 't', partition: 0, offset, timestampMs: 0, key: null, value: null, headers: [] }) as const;
const position = (id: bigint) => ({ epoch: 1, tick: 1n, id });
const skipped = (why: SkipReason, id: bigint, more: object = {}): Step<never> => ({
  record: record(id),
  mark: { source: 's', position: position(id), prev: undefined },
  kind: 'skip',
  why,
  ...more,
});
const planOf = (...steps: readonly Step<never>[]): Plan<never> => ({ steps, obstacle: undefined });

// Planted faults: each condition of `canDefer` taken out fails a line here, except the kind, which the reason implies.
describe('a slice that is deferred', () => {
  it('has skipped events only, each of them skipped by everyone who reads it', () => {
    for (const why of ['duplicate', 'unknown_type', 'ignored', 'uncertain', 'elsewhere'] as const)
      expect(canDefer(planOf(skipped(why, 1n)), undefined, 0)).toBe(true);
    for (const why of ['stale', 'marker', 'superseded'] as const)
      expect(canDefer(planOf(skipped('ignored', 1n), skipped(why, 2n)), undefined, 0)).toBe(false);
    const refused = { kind: 'refuse', envelope: undefined, foreign: true, error: new Error('bad') } as const;
    const bad: Step<never> = { record: record(2n), mark: undefined, ...refused };
    expect(canDefer(planOf(skipped('ignored', 1n), bad), undefined, 0)).toBe(false);
    expect(canDefer(planOf(), undefined, 0)).toBe(false);
  });

  it('records no gap and no filled event, and ends before no obstacle', () => {
    const passed = { after: position(1n), upTo: position(3n) };
    expect(canDefer(planOf(skipped('ignored', 4n, { passed })), undefined, 0)).toBe(false);
    const fill = { source: 's', position: position(4n) };
    expect(canDefer(planOf(skipped('ignored', 4n, { fill })), undefined, 0)).toBe(false);
    const obstacle = { record: record(2n), kind: 'type_ahead', type: 'x' } as const;
    expect(canDefer({ steps: [skipped('ignored', 1n)], obstacle }, undefined, 0)).toBe(false);
  });

  it('keeps what is deferred below its bounds of time and of events', () => {
    const before = deferMore(undefined, [skipped('ignored', 1n)], 1_000);
    const next = planOf(skipped('ignored', 2n));
    expect(canDefer(next, before, 1_000 + DEFER_MS - 1)).toBe(true);
    expect(canDefer(next, before, 1_000 + DEFER_MS)).toBe(false);
    const many = Array.from({ length: MOST_DEFERRED }, (_, at) => skipped('duplicate', BigInt(at + 1)));
    expect(canDefer(planOf(...many), undefined, 0)).toBe(true);
    expect(canDefer(planOf(...many), before, 1_000)).toBe(false);
    expect(canDefer(next, deferMore(undefined, many, 1_000), 1_000)).toBe(false);
  });

  it('adds its counts, marks and unknown types to those before it', () => {
    const before = deferMore(undefined, [skipped('unknown_type', 1n, { unknown: 'a' })], 5);
    const more = [
      skipped('duplicate', 2n, { mark: undefined }),
      skipped('unknown_type', 3n, { unknown: 'b' }),
    ];
    const deferred = deferMore(before, more, 9);
    expect(deferred).toMatchObject({ since: 5, duplicates: 1, skipped: 2 });
    expect(deferred.marks.map((mark) => mark.position.id)).toEqual([3n]);
    expect([...deferred.unknown]).toEqual(['a', 'b']);
    expect([...unknownOf([skipped('unknown_type', 4n, { unknown: 'c' })], deferred)]).toEqual([
      'a',
      'b',
      'c',
    ]);
  });
});
