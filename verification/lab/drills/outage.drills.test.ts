/**
 * Outages of 10 s of a real Kafka and Postgres under load; `make outage` makes them 30 s long. Planted fault: with
 * outages taken for the events' fault (`faultOf`), the consumer stops and the effects never come here.
 */
import { driverNames } from '@convergekit/kafka';
import { expect, it } from 'vitest';
import { runSpec } from '../open.ts';
import { outage } from '../presets.ts';
import { quietRun } from '../fixture/quiet-run.ts';

it.each(driverNames)(
  'S14, G5q: a consumer on the driver %s parks, loses, doubles and reorders nothing under load when Kafka and then Postgres is down',
  async (driver) => {
    const spec = outage({ seconds: 10, rate: 80, driver });
    const outcome = await runSpec(spec, quietRun(`.converge/outage-e2e-${driver}`, 1));
    for (const { claim, looked, findings } of outcome.checks) {
      expect({ claim, findings }).toEqual({ claim, findings: [] });
      expect(looked, claim).toBeGreaterThan(0);
    }
    expect(outcome.judgement).toBe('agrees');
    expect(outcome.faults).toEqual(
      new Map([
        ['broker-down', 1],
        ['postgres-down', 1],
      ]),
    );
    const figures = new Map(outcome.figures);
    expect(parseInt(figures.get('committed') ?? '')).toBeGreaterThan(100);
    expect(parseInt(figures.get('refused') ?? '')).toBeGreaterThan(0);
  },
);
