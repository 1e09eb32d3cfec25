import { CATEGORIES } from '@convergekit/core/engine';
import { type Category, seededRandom } from '@convergekit/core';
import { BREAKER_OPEN } from '@convergekit/resilience/engine';
import { policyBook, strategies } from '@convergekit/resilience';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failure } from '../fixture/failure.ts';
import { IN_PLACE_MS, nextAttempt } from './next-attempt.ts';

const half = (): number => 0.5;
const tried = (attempts: number, elapsedMs = 0, reruns = 0) => ({ attempts, elapsedMs, reruns });

/** The default policy of a consumer. */
const policy = policyBook({}).for('consumer.stock');

describe('nextAttempt', () => {
  const first: Record<Category, string> = {
    network: 'retry',
    throttle: 'retry',
    service: 'retry',
    contention: 'rerun',
    data: 'dead',
    configuration: 'stop',
    business: 'reject',
    bug: 'retry',
  };
  it.each(CATEGORIES.map((category) => ({ category, kind: first[category] })))(
    'nextAttempt answers the first $category failure with $kind',
    ({ category, kind }) => expect(nextAttempt(failure(category), tried(1), policy, half).kind).toBe(kind),
  );

  // Planted fault: without the look at the code it is parked, and tried for a day.
  it('nextAttempt gives up an event at once when its deadline has passed', () => {
    const late = { ...failure('service'), code: 'DEADLINE_PASSED' };
    expect(nextAttempt(late, tried(1), policy, half)).toEqual({ kind: 'dead' });
  });

  it('nextAttempt gives up after the last attempt, or when the next one would begin too late', () => {
    expect(nextAttempt(failure('network'), tried(3), policy, half)).toEqual({ kind: 'park' });
    expect(nextAttempt(failure('network'), tried(1, 1_990), policy, half)).toEqual({
      kind: 'park',
    });
    expect(nextAttempt(failure('network'), tried(1, 1_900), policy, half)).toEqual({
      kind: 'retry',
      wait: { computedMs: 25, capMs: 50, rule: 'backoff' },
    });
  });

  it('nextAttempt reruns conflicting transactions longer than it retries, and parks what does not end', () => {
    const contended = (elapsedMs: number, reruns: number) =>
      nextAttempt(failure('contention'), tried(1, elapsedMs, reruns), policy, half).kind;
    expect([contended(2 * IN_PLACE_MS, 10), contended(0, 50)]).toEqual(['rerun', 'park']);
  });

  // Planted fault: with a switch of its own here, an entry that is changed in the table fails here.
  it.each(CATEGORIES)('S48: nextAttempt ends with the disposition of the strategy table: %s', (category) => {
    const { disposition } = strategies[category];
    const worn = tried(3, 0, 50);
    // By default a bug is parked first: see give-up-rules.test.
    const atOnce = { ...policy, giveUp: { afterMs: 0, perHour: 5 } };
    expect(nextAttempt(failure(category), worn, atOnce, half).kind).toBe(disposition);
    // Waiting does not resolve this failure, so it is not retried in place.
    if (category !== 'throttle' && category !== 'contention')
      expect(nextAttempt(failure(category, { structural: true }), tried(1), atOnce, half).kind).toBe(
        disposition,
      );
  });

  it('nextAttempt parks no event that took effect already, and pauses while a breaker is open', () => {
    expect(nextAttempt(failure('network', { certainty: 'applied' }), tried(1), policy, half).kind).toBe(
      'dead',
    );
    const open = failure('service', { code: BREAKER_OPEN, retryAfterMs: 700 });
    expect(nextAttempt(open, tried(1), policy, half)).toEqual({ kind: 'pause', forMs: 700 });
  });

  it('nextAttempt honours a retry-after that fits, and does not hold the partition for a longer one', () => {
    const asks = (retryAfterMs: number) =>
      nextAttempt(failure('throttle', { retryAfterMs }), tried(1), policy, half);
    expect(asks(700)).toMatchObject({ kind: 'retry', wait: { computedMs: 700, rule: 'retry_after' } });
    expect(asks(3_000)).toEqual({ kind: 'park' });
  });

  it('nextAttempt never waits longer than the policy allows', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(...CATEGORIES),
        fc.nat(5_000),
        fc.nat(4),
        (seed, category, ms, n) => {
          const next = nextAttempt(failure(category), tried(n + 1, ms), policy, seededRandom(seed));
          if (next.kind === 'retry') expect(ms + next.wait.computedMs).toBeLessThan(IN_PLACE_MS);
        },
      ),
    );
  });
});
