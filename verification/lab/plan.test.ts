import { seededRandom } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { faultsNamed, menu } from './faults/menu.ts';
import { type Plan, planned, type Planned } from './plan.ts';

const deck: Plan = { kind: 'deck', faults: menu, everyMs: [10_000, 20_000] };

function first(seed: number, count: number, plan: Plan = deck): Planned[] {
  const found: Planned[] = [];
  for (const one of planned(plan, seededRandom(seed), 100_000)) {
    found.push(one);
    if (found.length === count) break;
  }
  return found;
}

describe('the plan of faults', () => {
  it('the plan of faults is the same for the same seed, and differs for another seed', () => {
    expect(first(7, 100)).toEqual(first(7, 100));
    expect(first(7, 100)).not.toEqual(first(8, 100));
  });

  it('the plan of faults has every fault once before one is repeated, as far apart as it says', () => {
    const faults = first(3, 2 * menu.length);
    for (const half of [faults.slice(0, menu.length), faults.slice(menu.length)])
      expect(new Set(half.map(({ fault }) => fault.name)).size).toBe(menu.length);
    for (const { afterMs } of faults) {
      expect(afterMs).toBeGreaterThanOrEqual(10_000);
      expect(afterMs).toBeLessThan(20_000);
    }
  });

  it('a script has its faults at their shares of the load, and holds one until its end beside the others', () => {
    const [kill, pause] = [faultsNamed(['kill-relay'])[0]!, faultsNamed(['pause-service'])[0]!];
    const scenes = [
      { at: 0.2, fault: kill },
      { at: 0.5, until: 0.9, fault: pause },
    ];
    expect(first(1, 5, { kind: 'script', scenes })).toMatchObject([
      { fault: kill, after: 'load', afterMs: 20_000, holdMs: 0, background: false },
      { fault: pause, after: 'load', afterMs: 50_000, holdMs: 40_000, background: true },
    ]);
  });
});

describe('the menu of faults', () => {
  it('the names of faults differ, and each is lower-case words and dashes', () => {
    const names = menu.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z0-9]+)*$/);
  });

  it('a word names a fault or all of a group, and an unknown one is refused with the known ones', () => {
    expect(faultsNamed(['kill-relay', 'provider']).map(({ name }) => name)).toEqual([
      ...['kill-relay', 'provider-hang', 'provider-late', 'provider-fail', 'provider-decline'],
    ]);
    expect(() => faultsNamed(['kil'])).toThrow(/there is no fault kil: .*kill-relay/);
  });
});
