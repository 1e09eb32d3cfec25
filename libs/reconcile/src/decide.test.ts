import { seededRandom } from '@convergekit/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideFinish, FAILURES_BEFORE_TERMINAL, STABLE_AFTER } from './decide.ts';
import type { Claim, Outcome } from './claim.ts';
import { claimOf as claim, decidedReconciler as reconciler } from './fixture/decided.ts';

const failure = (
  category: 'network' | 'data' | 'business' | 'bug' | 'configuration',
  retryAfterMs?: number,
): Outcome => ({
  kind: 'failed',
  driftHash: null,
  failure: {
    category,
    certainty: 'not_applied',
    code: 'X',
    message: 'm',
    structural: false,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  },
});

const decided = (outcome: Outcome, of: Partial<Claim> = {}) =>
  decideFinish(outcome, claim(of), reconciler(), () => 0.5);

describe('the decision after an outcome', () => {
  it.each<[string, Outcome, Partial<Claim>, unknown]>([
    ['a key in sync is done', { kind: 'in_sync' }, {}, { kind: 'done' }],
    [
      'a key with observed drift is done',
      { kind: 'observed', driftHash: 'd', mode: 'observe' },
      {},
      { kind: 'done' },
    ],
    ['a repaired key is done', { kind: 'repaired', version: 2n }, {}, { kind: 'done' }],
    [
      'a key that changed meanwhile is compared again soon',
      { kind: 'changed' },
      {},
      { kind: 'requeueAfter', ms: 100 },
    ],
    [
      'a key with a stale view is compared again soon',
      { kind: 'stale' },
      {},
      { kind: 'requeueAfter', ms: 100 },
    ],
    [
      'a key with drift inside the settle window waits for the rest of it',
      {
        kind: 'pending',
        driftHash: 'd',
        pending: { kind: 'settling' },
        wait: { kind: 'settling', looks: 1, flight: null },
        remainingMs: 700,
      },
      {},
      { kind: 'requeueAfter', ms: 700 },
    ],
    [
      'a key whose events are parked waits longer than its settle window, and counts no failure',
      {
        kind: 'pending',
        driftHash: 'd',
        pending: { kind: 'parked' },
        wait: { kind: 'parked', looks: 2, flight: null },
        remainingMs: 0,
      },
      {},
      { kind: 'requeueAfter', ms: 7_500 },
    ],
    [
      'a key with conflicts waits longer after each',
      { kind: 'conflict', driftHash: 'd' },
      { conflicts: 2 },
      { kind: 'requeueAfter', ms: 20 },
    ],
    [
      'a held repair waits for an operator',
      { kind: 'held', driftHash: 'd', first: true },
      {},
      { kind: 'requeueAfter', ms: 60_000 },
    ],
    [
      'drift that no program may repair is terminal',
      { kind: 'unresolvable', driftHash: 'd', reason: 'r' },
      {},
      { kind: 'terminal' },
    ],
    [
      'a flapping key is terminal',
      { kind: 'flapping', driftHash: 'd', repairs: 5 },
      {},
      { kind: 'terminal' },
    ],
    [
      'a side that could not be read is read again',
      { ...failure('network'), kind: 'unknown', side: 'actual' } as Outcome,
      {},
      { kind: 'retry', ms: 5 },
    ],
    ['a network failure is retried', failure('network'), {}, { kind: 'retry', ms: 5 }],
    [
      'a network failure is retried without end, up to the cap',
      failure('network'),
      { failures: 50 },
      { kind: 'retry', ms: 500 },
    ],
    [
      'a wrong setting is retried without end, up to the cap',
      failure('configuration'),
      { failures: 50 },
      { kind: 'retry', ms: 500 },
    ],
    ['a requested delay is respected', failure('network', 9_000), {}, { kind: 'retry', ms: 9_000 }],
    ['bad data is retried a few times', failure('data'), {}, { kind: 'retry', ms: 5 }],
    [
      'bad data is terminal after a few retries',
      failure('data'),
      { failures: FAILURES_BEFORE_TERMINAL - 1 },
      { kind: 'terminal' },
    ],
    ['a business rejection is terminal at once', failure('business'), {}, { kind: 'terminal' }],
  ])('%s', (_name, outcome, of, result) => {
    expect(decided(outcome, of).result).toEqual(result);
  });

  it('a conflict has a counter of its own and is no failure', () => {
    expect(
      decided({ kind: 'conflict', driftHash: 'd' }, { conflicts: 1, failures: 2 }).counters,
    ).toMatchObject({
      conflicts: 2,
      failures: 2,
    });
  });

  it('counters are reset only after several healthy runs in a row', () => {
    let streak = 0;
    for (let look = 1; look < STABLE_AFTER; look += 1) {
      const settled = decided({ kind: 'in_sync' }, { failures: 3, healthyStreak: streak });
      expect(settled).toMatchObject({ forget: false, counters: { failures: 3, healthyStreak: look } });
      streak = settled.counters.healthyStreak;
    }
    expect(decided({ kind: 'in_sync' }, { failures: 3, healthyStreak: streak })).toMatchObject({
      forget: true,
      counters: { failures: 0 },
    });
    expect(
      decided({ kind: 'observed', driftHash: 'd', mode: 'observe' }, { healthyStreak: 2 }).counters
        .healthyStreak,
    ).toBe(0);
  });

  // Seen to fail when each look counts: three events within a second then hide that a key flaps.
  it('a healthy run counts once in a quiet window', () => {
    const repaired = { repairs: 2, healthyStreak: 2 };
    const look = (quietForMs: number | null) => decided({ kind: 'in_sync' }, { ...repaired, quietForMs });
    expect(look(999)).toMatchObject({
      forget: false,
      windowBegins: false,
      counters: { repairs: 2, healthyStreak: 2 },
    });
    expect(look(1_000)).toMatchObject({ forget: true, counters: { repairs: 0 } });
  });

  it('the written version is stored until the key is stable', () => {
    expect(decided({ kind: 'repaired', version: 7n }).lastVersionWritten).toBe(7n);
    expect(decided({ kind: 'stale' }, { lastVersionWritten: 7n }).lastVersionWritten).toBe(7n);
    expect(
      decided({ kind: 'in_sync' }, { lastVersionWritten: 7n, healthyStreak: 2 }).lastVersionWritten,
    ).toBeNull();
  });

  it('a delay is jittered and never longer than the cap', () => {
    const random = seededRandom(42);
    const delays = new Set<number>();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), (failures) => {
        const { result } = decideFinish(failure('network'), claim({ failures }), reconciler(), random);
        if (result.kind !== 'retry') return false;
        delays.add(result.ms);
        return result.ms >= 0 && result.ms <= 1_000;
      }),
    );
    expect(delays.size).toBeGreaterThan(20);
  });
});
