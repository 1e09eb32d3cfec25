import { type Failure, seededRandom, systemRandom } from '@convergekit/core';
import { defaultSlowSchedule } from '@convergekit/resilience/engine';
import { policyBook } from '@convergekit/resilience';
import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { nextAttempt } from '../attempt/next-attempt.ts';
import { awaitsFix, giveUpRulesOf, mayGiveUp } from './give-up-rules.ts';
import { nextDrain } from './next-drain.ts';

const bug: Failure = {
  category: 'bug',
  certainty: 'not_applied',
  code: 'TypeError',
  message: 'x',
  structural: false,
};
const policy = policyBook({}).for('consumer.orders.order-placed');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('the limits on events that are given up for a fault', () => {
  it.each([
    ['a bug', bug, 0, true],
    ['a bug just before its time', bug, 15 * MINUTE - 1, true],
    ['a bug at its time', bug, 15 * MINUTE, false],
    ['a bug whose call took effect', { ...bug, certainty: 'applied' }, 0, false],
    ['a missing column', { ...bug, structural: true }, 0, true],
    ['bad data', { ...bug, category: 'data' }, 0, false],
    ['a refusal', { ...bug, category: 'business' }, 0, false],
    ['a wrong setting', { ...bug, category: 'configuration', structural: true }, 0, false],
    ['an outage, which is parked by itself', { ...bug, category: 'service' }, 0, false],
  ] as const)('%s is tried on, or not, by the default policy', (_, failure, elapsedMs, expected) => {
    expect(awaitsFix(failure, elapsedMs, giveUpRulesOf(policy))).toBe(expected);
  });

  it('the first attempts at a bug are in place, then its key is parked; what bypasses parked keys is given up at once', () => {
    const at = (attempts: number, bypasses = false) =>
      nextAttempt(bug, { attempts, reruns: 0, elapsedMs: 100, bypasses }, policy, systemRandom).kind;
    expect([at(1), at(2), at(3), at(3, true)]).toEqual(['retry', 'retry', 'park', 'dead']);
    const atOnce = policyBook({ 'consumer.orders': { giveUp: { afterMs: 0 } } }).for('consumer.orders.x');
    const tried = { attempts: 3, reruns: 0, elapsedMs: 100 };
    expect(nextAttempt(bug, tried, atOnce, systemRandom)).toEqual({ kind: 'dead' });
    expect(giveUpRulesOf(atOnce)).toEqual({ afterMs: 0, perHour: 5 });
  });

  it('G5w: a consumer gives up as many as its limit in an hour, none at 0, and any number without a limit', () => {
    const may = (given: number, perHour: number | 'unbounded') => mayGiveUp(given, 1, { perHour });
    expect([may(4, 5), may(5, 5), may(0, 0), may(1_000, 'unbounded')]).toEqual([true, false, false, true]);
  });
});

interface Parked {
  readonly since: number;
  tries: number;
  dueAt: number;
}

/**
 * Plays hours of a consumer under a wrong deployment, by the decisions that slices and drains ask: each event comes, fails or
 * not, is parked, and is tried when it is due. Ends when the consumer pauses.
 */
async function play(hours: number, everyMs: number, fails: (event: number) => boolean) {
  const clock = manualClock();
  const random = seededRandom(7);
  const began = clock.now();
  const parked: Parked[] = [];
  const givenUp: { readonly at: number; readonly afterMs: number }[] = [];
  const dueIn = (one: Parked): 'again' | 'pause' | 'given_up' => {
    one.tries += 1;
    const elapsedMs = clock.now() - one.since;
    const tried = { tries: one.tries, elapsedMs, of: () => one.tries + 3 };
    const next = nextDrain(bug, tried, { schedule: defaultSlowSchedule, policy }, random);
    if (next.kind === 'retry') {
      one.dueAt = clock.now() + next.wait.computedMs;
      return 'again';
    }
    const given = givenUp.filter(({ at }) => at > clock.now() - HOUR).length;
    if (!mayGiveUp(given, 1, giveUpRulesOf(policy))) return 'pause';
    givenUp.push({ at: clock.now(), afterMs: elapsedMs });
    return 'given_up';
  };
  for (let event = 0; clock.now() - began < hours * HOUR;) {
    const next = Math.min(began + event * everyMs, ...parked.map(({ dueAt }) => dueAt));
    await clock.advance(Math.max(0, next - clock.now()));
    if (next === began + event * everyMs) {
      if (fails(event)) parked.push({ since: clock.now(), tries: 0, dueAt: clock.now() + 1_000 });
      event += 1;
      continue;
    }
    const head = parked.find(({ dueAt }) => dueAt === next);
    if (head === undefined) throw new Error('nothing is due');
    const ended = dueIn(head);
    if (ended === 'pause') return { givenUp, pausedAt: clock.now() - began };
    if (ended === 'given_up') parked.splice(parked.indexOf(head), 1);
  }
  return { givenUp, pausedAt: undefined };
}

describe('a wrong deployment under the default policy', () => {
  it.each([10, 50, 100])(
    'with %i percent of an event a second failing, nothing is given up in 15 minutes, then 5, then it pauses',
    async (percent) => {
      const { givenUp, pausedAt } = await play(2, 1_000, (event) => event % 100 < percent);
      expect(givenUp).toHaveLength(5);
      expect(Math.min(...givenUp.map(({ afterMs }) => afterMs))).toBeGreaterThanOrEqual(15 * MINUTE);
      expect(pausedAt).toBeGreaterThanOrEqual(15 * MINUTE);
      expect(pausedAt).toBeLessThan(32 * MINUTE);
    },
  );

  it('with three events a day all failing, each is tried over 15 minutes and given up, and it never pauses', async () => {
    const { givenUp, pausedAt } = await play(24, 8 * HOUR, () => true);
    expect(pausedAt).toBeUndefined();
    expect(givenUp).toHaveLength(3);
    for (const { afterMs } of givenUp) {
      expect(afterMs).toBeGreaterThanOrEqual(15 * MINUTE);
      expect(afterMs).toBeLessThan(32 * MINUTE);
    }
  });
});
