import { readFileSync } from 'node:fs';
import type { ReceivedEvent } from '@convergekit/contracts';
import { CATEGORIES } from '@convergekit/core/engine';
import type { Category } from '@convergekit/core';
import { BREAKER_OPEN, defaultSlowSchedule } from '@convergekit/resilience/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alarmDefinitions } from '../alarms.ts';
import type { GiveUp, Subscription } from '../define/subscription.ts';
import { failure } from '../fixture/failure.ts';
import { placeAll, type Placed } from './placement.ts';
import { ParkRate } from './park-rate.ts';
import type { Step } from '../plan/plan.ts';
import { nextDrain } from './next-drain.ts';

const half = (): number => 0.5;

describe('nextDrain', () => {
  const policy = { schedule: defaultSlowSchedule, policy: { attempts: 3 } };
  const tried = (tries: number, elapsedMs = 0, bugs = 1) => ({
    tries,
    elapsedMs,
    of: (category: string) => (category === 'bug' ? bugs : 0),
  });
  const first: Record<Category, string> = {
    network: 'retry',
    throttle: 'retry',
    service: 'retry',
    contention: 'retry',
    data: 'dead',
    configuration: 'stop',
    business: 'reject',
    bug: 'retry',
  };
  it.each(CATEGORIES.map((category) => ({ category, kind: first[category] })))(
    'nextDrain answers the first failed attempt of category $category with $kind',
    ({ category, kind }) => expect(nextDrain(failure(category), tried(1), policy, half).kind).toBe(kind),
  );

  it('nextDrain gives up a bug when its attempts and its time are over, and everything else when the day is over', () => {
    const after = 15 * 60_000;
    expect(nextDrain(failure('bug'), tried(9, after, 12), policy, half)).toEqual({ kind: 'dead' });
    expect(nextDrain(failure('bug'), tried(9, after, 2), policy, half).kind).toBe('retry');
    expect(nextDrain(failure('bug'), tried(9, after - 1, 12), policy, half).kind).toBe('retry');
    const atOnce = { ...policy, policy: { attempts: 3, giveUp: { afterMs: 0, perHour: 5 } } };
    expect(nextDrain(failure('bug'), tried(3, 0, 3), atOnce, half)).toEqual({ kind: 'dead' });
    const late = tried(40, defaultSlowSchedule.withinMs);
    expect(nextDrain(failure('network'), late, policy, half)).toEqual({ kind: 'dead' });
  });

  it('nextDrain gives up at once what took effect, and a structural bug when its time is over', () => {
    const [structural, applied] = [{ structural: true }, { certainty: 'applied' } as const];
    expect(nextDrain(failure('bug', structural), tried(1), policy, half).kind).toBe('retry');
    expect(nextDrain(failure('bug', structural), tried(9, 900_000), policy, half)).toEqual({ kind: 'dead' });
    expect(nextDrain(failure('bug', applied), tried(1), policy, half)).toEqual({ kind: 'dead' });
    expect(nextDrain(failure('network', applied), tried(1), policy, half)).toEqual({ kind: 'dead' });
  });

  it('nextDrain waits for an open breaker as long as it says, within bounds, and counts no attempt', () => {
    const open = (retryAfterMs: number) =>
      nextDrain(failure('service', { code: BREAKER_OPEN, retryAfterMs }), tried(1), policy, half);
    expect([open(700), open(Infinity)]).toEqual([
      { kind: 'pause', forMs: 700 },
      { kind: 'pause', forMs: 30_000 },
    ]);
  });
});

describe('placeAll', () => {
  const subscription = (bypassParked = false) => ({ handler: 'h', bypassParked }) as Subscription<unknown>;
  const handle = (key: string, bypasses = false): Step<unknown> =>
    ({
      kind: 'handle',
      event: { key } as ReceivedEvent,
      subscription: subscription(bypasses),
    }) as Step<unknown>;
  const skip = { kind: 'skip', why: 'duplicate' } as Step<unknown>;
  const why = (as: GiveUp['as']): GiveUp => ({ as, failure: failure('network'), attempts: [] });
  const lineOf = (step: Step<unknown>): string => (step.kind === 'handle' ? step.event.key : '?');
  const place = (
    steps: readonly Step<unknown>[],
    given: ReadonlyMap<Step<unknown>, GiveUp> = new Map(),
    more: { held?: readonly string[]; onDead?: 'hold' | 'skip' } = {},
  ): readonly Placed<unknown>[] =>
    placeAll(steps, {
      held: new Set(more.held),
      onDead: more.onDead ?? 'hold',
      giveUpOf: (step) => given.get(step),
      lineOf,
    });
  const kinds = (placed: readonly Placed<unknown>[]) =>
    placed.map((one) => ('state' in one ? `${one.kind} ${one.state}` : one.kind));

  it('placeAll queues later events of a key behind the parked one, and handles all others', () => {
    const [bad, other, later] = [handle('a'), handle('b'), handle('a')];
    const given = new Map([[bad, why('park')]]);
    expect(kinds(place([bad, other, skip, later], given))).toEqual([
      'parkFirst waiting',
      'handle',
      'pass',
      'parkBehind',
    ]);
  });

  it('placeAll holds a key behind its dead letter, or releases it, as onDead says', () => {
    const [bad, later] = [handle('a'), handle('a')];
    const given = new Map([[bad, why('dead')]]);
    expect(kinds(place([bad, later], given))).toEqual(['parkFirst dead', 'parkBehind']);
    expect(kinds(place([bad, later], given, { onDead: 'skip' }))).toEqual(['release dead', 'handle']);
  });

  it('placeAll never holds a key for a rejection', () => {
    const [no, later] = [handle('a'), handle('a')];
    expect(kinds(place([no, later], new Map([[no, why('reject')]])))).toEqual(['release rejected', 'handle']);
  });

  it('placeAll lets compensations bypass a parked key, and queues one that fails itself', () => {
    const [trigger, usual] = [handle('a', true), handle('a')];
    expect(kinds(place([trigger, usual], new Map(), { held: ['a'] }))).toEqual(['handle', 'parkBehind']);
    expect(kinds(place([trigger], new Map([[trigger, why('park')]]), { held: ['a'] }))).toEqual([
      'parkBehind',
    ]);
  });

  it('placeAll handles no event of a key after one that it parked, in any order of events', () => {
    const keys = fc.constantFrom('a', 'b', 'c');
    const verdict = fc.constantFrom('park', 'dead', undefined);
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, verdict)), fc.subarray(['a', 'b', 'c']), (events, held) => {
        const steps = events.map(([key]) => handle(key));
        const given = new Map(
          steps.flatMap((step, at) => {
            const as = events[at]![1];
            return as === undefined ? [] : [[step, why(as)] as const];
          }),
        );
        const waiting = new Set(held);
        for (const one of place(steps, given, { held })) {
          const key = lineOf(one.step);
          if (one.kind === 'handle') expect(waiting.has(key)).toBe(false);
          else waiting.add(key);
        }
      }),
    );
  });
});

describe('ParkRate', () => {
  const policy = { keys: 3, withinMs: 1_000 };

  it('ParkRate allows keys one by one while other events are handled', () => {
    const rate = new ParkRate(policy);
    for (let n = 0; n < 20; n += 1) {
      expect(rate.allows(1, 0, n)).toBe(true);
      rate.gaveUp(1, n);
      rate.handled(5);
    }
  });

  it('ParkRate refuses the third key in a row until an event is handled', () => {
    const rate = new ParkRate(policy);
    for (const now of [0, 1]) {
      expect(rate.allows(1, 0, now)).toBe(true);
      rate.gaveUp(1, now);
    }
    expect(rate.allows(1, 0, 2)).toBe(false);
    expect(rate.allows(2, 0, 1_000_000)).toBe(false);
    rate.handled(1);
    expect(rate.allows(1, 0, 1_000_001)).toBe(true);
  });

  // Planted faults: without a next time a row of bad keys waits for a person; without growth an outage parks its topic.
  it('G5b: ParkRate allows one more key after growing waits during a systemic fault', () => {
    const rate = new ParkRate(policy);
    for (const now of [0, 1]) rate.gaveUp(1, now);
    const through: number[] = [];
    for (let now = 2; now < 86_400_000; now += 500) {
      if (!rate.allows(1, 0, now)) continue;
      rate.gaveUp(1, now);
      through.push(now);
    }
    expect(through.slice(0, 4)).toEqual([1_002, 3_002, 7_002, 15_002]);
    expect(through.length).toBeLessThan(40);
  });

  it('by the defaults a row of 20 bad keys without a success between them holds its partition for six hours', () => {
    const rate = new ParkRate({ keys: 10, withinMs: 60_000 });
    const minutes: number[] = [];
    for (let minute = 0; minutes.length < 20;) {
      if (!rate.allows(1, 0, minute * 60_000)) minute += 1;
      else {
        rate.gaveUp(1, minute * 60_000);
        minutes.push(minute);
      }
    }
    expect(minutes.slice(9)).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
  });

  it('ParkRate does not count old keys when any event was handled since', () => {
    const rate = new ParkRate(policy);
    for (const now of [0, 1]) rate.gaveUp(1, now);
    rate.handled(1);
    expect(rate.allows(1, 0, 1_002)).toBe(true);
  });

  // Planted fault: counted within `withinMs` alone, all 5,000 keys are parked.
  it('ParkRate counts keys that fail slowly while nothing is handled, as with a hanging dependency', () => {
    const rate = new ParkRate(policy);
    let parked = 0;
    for (let now = 0; now < 5_000 * 11_000; now += 11_000) {
      if (!rate.allows(1, 0, now)) continue;
      rate.gaveUp(1, now);
      parked += 1;
    }
    expect(parked).toBeLessThan(40);
  });

  it('ParkRate compares the keys of a slice with the events that the slice handles', () => {
    expect(new ParkRate(policy).allows(10, 400, 0)).toBe(true);
    expect(new ParkRate(policy).allows(400, 10, 0)).toBe(false);
  });
});

it('the guide names every pause', () => {
  const guide = readFileSync(
    new URL('../../../../docs/guides/what-happens-when-it-fails.md', import.meta.url),
    'utf8',
  );
  const named = [...guide.matchAll(/^- ((?:`\w+`, )*`\w+`): /gm)].flatMap(
    ([, names = '']) => names.match(/\w+/g) ?? [],
  );
  const pauses = Object.entries(alarmDefinitions).flatMap(([name, { kind }]) =>
    kind === 'paused' ? name : [],
  );
  expect(named.toSorted()).toEqual(pauses.toSorted());
});
