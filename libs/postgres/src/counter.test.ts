import { expect, it } from 'vitest';
import { Counter } from './counter.ts';
import { versionOf } from './write-counters.ts';

const zero = { failed: 0, retried: 0, drifted: 0, repaired: 0, took: 0, took_ms: 0, most_ms: 0 };

it('a counter gives what was counted since the last time, and nothing while nothing happens', () => {
  const counter = new Counter('consumer', 'stock');
  expect(counter.take({ lag: 0, oldestMs: 0 })).toBeUndefined();
  counter.done('shop.orders', 3);
  counter.done('shop.returns', 1);
  counter.done('shop.orders', 2);
  counter.add('retried');
  counter.took(40);
  counter.took(-5);
  expect(counter.take({ lag: 7, oldestMs: 1.4 })).toEqual({
    ...zero,
    part: 'consumer',
    name: 'stock',
    done: 6,
    topics: { 'shop.orders': 5, 'shop.returns': 1 },
    retried: 1,
    took: 2,
    took_ms: 40,
    most_ms: 40,
    lag: 7,
    oldest_ms: 1,
  });
  expect(counter.take({ lag: 7, oldestMs: 9_000 })).toBeUndefined();
});

it('a counter gives a row when as many events wait no more, so that a chart does not end with the last lag', () => {
  const counter = new Counter('relay', 'relay');
  counter.done('shop.orders', 1);
  expect(counter.take({ lag: 5, oldestMs: 10 })?.lag).toBe(5);
  expect(counter.take({ lag: 0, oldestMs: 0 })).toMatchObject({ done: 0, topics: {}, lag: 0 });
  expect(counter.take({ lag: 0, oldestMs: 0 })).toBeUndefined();
});

it('the version of an application is what OpenTelemetry is given, or else npm', () => {
  expect(versionOf({})).toBe('');
  expect(versionOf({ npm_package_version: '1.4.0' })).toBe('1.4.0');
  const attributes = 'deployment.environment=prod, service.version=2.0.1,team=shop';
  expect(versionOf({ npm_package_version: '1.4.0', OTEL_RESOURCE_ATTRIBUTES: attributes })).toBe('2.0.1');
});
