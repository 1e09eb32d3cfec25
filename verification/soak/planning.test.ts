import { seededRandom } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { menu, type PlannedFault, planFaults } from './faults/menu.ts';
import { planTransaction, transactionKinds } from './workload.ts';

function firstFaults(seed: number, count: number): PlannedFault[] {
  const faults: PlannedFault[] = [];
  for (const planned of planFaults(seededRandom(seed), menu)) {
    faults.push(planned);
    if (faults.length === count) break;
  }
  return faults;
}

describe('the plan of faults', () => {
  it('the plan of faults is the same for the same seed, and differs for another seed', () => {
    expect(firstFaults(7, 100)).toEqual(firstFaults(7, 100));
    expect(firstFaults(7, 100)).not.toEqual(firstFaults(8, 100));
  });

  it('the plan of faults has every fault once before one is repeated, 10 to 20 s apart', () => {
    const faults = firstFaults(3, 2 * menu.length);
    for (const half of [faults.slice(0, menu.length), faults.slice(menu.length)])
      expect(new Set(half.map(({ fault }) => fault.kind)).size).toBe(menu.length);
    for (const { afterMs } of faults) {
      expect(afterMs).toBeGreaterThanOrEqual(10_000);
      expect(afterMs).toBeLessThan(20_000);
    }
  });
});

describe('the plan of transactions', () => {
  const random = seededRandom(1);
  const planned = Array.from({ length: 50_000 }, () => planTransaction(random, { main: 'm', side: 's' }));

  it('the plan of transactions has every kind, hot and cold keys of both topics, and small and large events', () => {
    expect(new Set(planned.map(({ kind }) => kind))).toEqual(new Set(transactionKinds));
    const events = planned.flatMap((one) => one.events);
    expect(new Set(events.map(({ topic, key }) => `${topic} ${key.replace(/:?\d+$/, '')}`))).toEqual(
      new Set(['m hot', 'm cold', 'm lonely', 's hot', 's cold', 's lonely']),
    );
    expect(events.some(({ size }) => size > 50_000)).toBe(true);
    expect(events.filter(({ size }) => size < 500).length).toBeGreaterThan(events.length * 0.9);
  });

  it('the plan of transactions has one to five events in each, three on average, except in bulk ones', () => {
    for (const { kind, events } of planned) if (kind !== 'bulk') expect(events.length).toBeLessThanOrEqual(5);
    const total = planned.reduce((sum, { events }) => sum + events.length, 0);
    expect(total / planned.length).toBeGreaterThan(2.5);
    expect(total / planned.length).toBeLessThan(4.5);
  });

  it('the plan keeps only transactions open whose keys block no other writer', () => {
    for (const { kind, events } of planned)
      if (kind === 'long' || kind === 'prepared')
        for (const { key } of events) expect(key).toMatch(/^lonely:/);
  });
});
