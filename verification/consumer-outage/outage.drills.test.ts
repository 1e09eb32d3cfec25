/**
 * Outages of 10 s of a real Kafka and Postgres under load; `make outage` makes them 30 s long. Planted fault: with
 * outages taken for the events' fault (`faultOf`), the consumer stops and the effects never come here.
 */
import { expect, it } from 'vitest';
import { passed, runOutage } from './outage.ts';

it('S14, a consumer under load parks, loses, doubles and reorders nothing when Kafka and then Postgres is down', async () => {
  const report = await runOutage({ downMs: 10_000, rate: 80, driver: 'platformatic', note: () => undefined });
  expect(report).toMatchObject({
    lost: 0,
    twice: 0,
    invented: 0,
    outOfOrder: 0,
    parked: 0,
    deadLetters: 0,
  });
  expect(passed(report)).toBe(true);
  expect(report.committed).toBeGreaterThan(100);
  expect(report.refused).toBeGreaterThan(0);
});
