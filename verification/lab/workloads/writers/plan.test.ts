import { seededRandom } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { planTransaction, transactionKinds } from './plan.ts';

describe('the plan of transactions', () => {
  const random = seededRandom(1);
  const topics = { main: 'm', side: 's', lonelyKey: (_: string, index: number) => `lonely:${index}` };
  const planned = Array.from({ length: 50_000 }, () => planTransaction(random, topics));

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
