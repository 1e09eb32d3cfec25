import { metrics } from '@opentelemetry/api';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { options, rowsOf, setStock, setWanted, stockReconciler, worldForEach } from '../fixture/stock.ts';
import { resolveOptions, runReconciler } from '../service.ts';
import { watchKeys } from '../watch.ts';

const alarms: Record<string, unknown>[] = [];
const log = {
  error: (fields: Record<string, unknown>) => void alarms.push(fields),
  warn: () => undefined,
  info: () => undefined,
} as never;

worldForEach({ log });

/** The last value of each series, and the sum of each counter, by `name{values of labels}`. */
const values = new Map<string, number>();
beforeEach(() => {
  values.clear();
  alarms.length = 0;
  const series = (name: string, labels: object = {}): string => `${name}{${Object.values(labels).join(',')}}`;
  const create = (name: string) => ({
    record: (value: number, labels?: object) => void values.set(series(name, labels), value),
    add: (value: number, labels?: object) =>
      void values.set(series(name, labels), (values.get(series(name, labels)) ?? 0) + value),
  });
  const meter = { createCounter: create, createGauge: create, createHistogram: create };
  metrics.disable();
  metrics.setGlobalMeterProvider({ getMeter: () => meter } as never);
  onTestFinished(() => metrics.disable());
});

const limited = stockReconciler({
  limits: { always: 1, share: 0 },
  unresolvable: ({ quantity }) => (quantity < 0 ? 'less than nothing is wanted' : null),
});
const watch = () => watchKeys(resolveOptions(limited, options));

it('verdicts, the time to recovery, the oldest divergent key and held repairs are metrics', async () => {
  await setWanted({ a: 1, b: 1, lost: -1, right: 1 });
  await setStock({ right: 1 });
  await watch();
  expect(values.get('converge.reconcile.held{stock}')).toBe(0);
  await runReconciler(limited, options);
  const verdict = (name: string): number | undefined =>
    values.get(`converge.reconcile.verdicts{stock,${name}}`);
  expect([
    verdict('in_sync,in_sync'),
    verdict('resolvable,repaired'),
    verdict('resolvable,held'),
    verdict('unresolvable,unresolvable'),
  ]).toEqual([1, 1, 1, 1]);
  expect(values.get('converge.reconcile.recovery{stock}')).toBe(0);

  await rowsOf(`update converge.reconcile_key set diverged_at = diverged_at - interval '1 hour'`);
  await watch();
  expect(values.get('converge.reconcile.held{stock}')).toBe(1);
  expect(values.get('converge.reconcile.pending.age{stock}')).toBeGreaterThanOrEqual(3_600);

  // The held key is repaired an hour after it was found, in a new window of the limit.
  await rowsOf(
    "update converge.reconciler set held_at = null, held_reason = null, window_started_at = now() - interval '1 day'",
  );
  await rowsOf(`update converge.reconcile_key set next_at = clock_timestamp() where state = 'queued'`);
  await runReconciler(limited, options);
  expect(values.get('converge.reconcile.recovery{stock}')).toBeGreaterThanOrEqual(3_600);
});

it('a held, an unresolvable and a refused key are alarms', async () => {
  await setWanted({ a: 1, b: 1, lost: -1 });
  await runReconciler(limited, options);
  const refused = stockReconciler({
    name: 'other',
    invariants: [{ name: 'none', holds: () => Promise.resolve(false) }],
  });
  await runReconciler(refused, options);
  expect(new Set(alarms.map(({ alarm }) => alarm))).toEqual(
    new Set(['reconcile_held', 'reconcile_unresolvable', 'reconcile_refused']),
  );
  expect(alarms.filter(({ alarm }) => alarm === 'reconcile_held')).toHaveLength(1);
});
