import type { IncomingRecord } from '@convergekit/broker/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { router } from '../define/routes.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { testEvents } from '../fixture/ledger.ts';
import type { Seen } from './judge.ts';
import { planSlice, type Plan } from './plan.ts';
import { readRecord } from './reading.ts';

const events = testEvents('t');
const definition = defineConsumer<unknown>('c', { from: 'first' }).on(events.counted, () => undefined);
const route = router(definition);

function logOf(
  records: readonly { readonly record: ReturnType<FixtureSource['record']>['record'] }[],
): IncomingRecord[] {
  return records.map(({ record }, offset) => ({
    topic: 't',
    partition: 0,
    offset: BigInt(offset),
    timestampMs: record.timestampMs,
    key: Buffer.from(record.key ?? ''),
    value: Buffer.from((record.value as string | null) ?? ''),
    headers: record.headers.map(([name, value]) => [name, Buffer.from(value)] as const),
  }));
}

interface State {
  offset: number;
  watermarks: Map<string, Seen>;
}

function settle(state: State, plan: Plan<unknown>): number[] {
  const applied: number[] = [];
  for (const step of plan.steps) {
    if (step.kind === 'handle') applied.push((step.event.data as { n: number }).n);
    if (step.mark !== undefined) {
      const { source, position } = step.mark;
      state.watermarks.set(source, new Map(state.watermarks.get(source)).set(position.epoch, position));
    }
    state.offset = Number(step.record.offset) + 1;
  }
  return applied;
}

const planFrom = (
  log: readonly IncomingRecord[],
  state: State,
  size: number,
  pinned: ReadonlyMap<string, string>,
) =>
  planSlice(log.slice(state.offset, state.offset + size).map(readRecord), {
    from: 'first',
    watermarks: state.watermarks,
    pinned,
    failureSources: new Map(),
    rejected: new Set(),
    nowMs: Date.now(),
    passOffset: undefined,
    ahead: new Set(),
    route,
  });

const counted = (n: number) => events.counted({ key: `k${n % 3}`, n });

describe('planSlice', () => {
  /** Runs of a relay's writes: each begins at or before the first event that was not written yet. */
  const resends = fc.array(fc.record({ back: fc.nat(6), length: fc.integer({ min: 1, max: 8 }) }), {
    maxLength: 12,
  });
  const happenings = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('commit' as const), size: fc.integer({ min: 1, max: 7 }) }),
      fc.record({ kind: fc.constant('crash' as const), size: fc.integer({ min: 1, max: 7 }) }),
      fc.record({ kind: fc.constant('rewind' as const), size: fc.nat(40) }),
    ),
    { maxLength: 40 },
  );

  // Planted fault: `judge` without its duplicate branch, or `settle` without the mark, applies events twice here.
  it('a plan applies each event once and in order, whatever is repeated, rolled back or rewound', () => {
    fc.assert(
      fc.property(resends, happenings, (runs, steps) => {
        const source = new FixtureSource({ partitions: 1 });
        const written: ReturnType<FixtureSource['record']>[] = [];
        const log: (typeof written)[number][] = [];
        for (const { back, length } of runs) {
          const start = Math.max(0, written.length - back);
          for (let n = start; n < start + length; n += 1) {
            written[n] ??= source.record(counted(n));
            log.push(written[n]!);
          }
        }
        const records = logOf(log);
        const pinned = new Map([[source.id, source.name]]);
        const state: State = { offset: 0, watermarks: new Map() };
        const applied: number[] = [];
        for (const { kind, size } of [
          ...steps,
          ...records.map(() => ({ kind: 'commit' as const, size: 50 })),
        ]) {
          if (kind === 'rewind') state.offset = Math.max(0, state.offset - size);
          const plan = planFrom(records, state, size, pinned);
          expect(plan.obstacle).toBeUndefined();
          if (kind === 'commit') applied.push(...settle(state, plan));
        }
        expect(applied).toEqual(written.map((_, n) => n));
      }),
      { numRuns: 300 },
    );
  });

  it('G4a: a plan stops at a gap, wherever it is, with everything before it planned', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), fc.nat(28), (count, hole) => {
        fc.pre(hole < count - 1);
        const source = new FixtureSource({ partitions: 1 });
        const all = Array.from({ length: count }, (_, n) => source.record(counted(n)));
        const records = logOf(all.filter((_, n) => n !== hole));
        const state: State = { offset: 0, watermarks: new Map() };
        const plan = planFrom(records, state, 100, new Map([[source.id, source.name]]));
        expect(settle(state, plan)).toEqual(Array.from({ length: hole }, (_, n) => n));
        expect(plan.obstacle).toMatchObject({ kind: 'gap', record: { offset: BigInt(hole) } });
      }),
    );
  });

  it('a plan skips a stale repeat before the first event, and still takes that event later', () => {
    const source = new FixtureSource({ partitions: 1 });
    const [one, two, three] = [0, 1, 2].map((n) => source.record(counted(n)));
    const records = logOf([three!, one!, two!, three!]);
    const state: State = { offset: 0, watermarks: new Map() };
    const plan = planFrom(records, state, 10, new Map([[source.id, source.name]]));
    expect(plan.steps[0]).toMatchObject({ kind: 'skip', why: 'stale' });
    expect(settle(state, plan)).toEqual([0, 1, 2]);
  });

  it('a plan moves the watermark past types without a handler and payloads that break their schema', () => {
    const source = new FixtureSource({ partitions: 1 });
    const bad = source.record(counted(1));
    const log = [source.record(events.ignored({ key: 'a', n: 0 })), source.record(counted(2))];
    const records = logOf([{ record: { ...bad.record, value: '{"n":"x"}' } }, ...log]);
    const state: State = { offset: 0, watermarks: new Map() };
    const plan = planFrom(records, state, 10, new Map([[source.id, source.name]]));
    expect(plan.steps.map(({ kind }) => kind)).toEqual(['refuse', 'skip', 'handle']);
    expect(plan.steps.every(({ mark }) => mark !== undefined)).toBe(true);
  });

  // Handled as that of a foreign producer, a gap behind it would not be seen.
  it('a plan stops at an event of a source that is not pinned, whatever its name', () => {
    const source = new FixtureSource({ partitions: 1 });
    const other = new FixtureSource({ partitions: 1, name: source.name });
    const records = logOf([source.record(counted(0)), other.record(counted(1))]);
    const state: State = { offset: 0, watermarks: new Map() };
    const plan = planFrom(records, state, 10, new Map([[source.id, source.name]]));
    expect(plan.steps).toHaveLength(1);
    expect(plan.obstacle).toMatchObject({ kind: 'unknown_source', claim: { source: other.id } });
  });
});
