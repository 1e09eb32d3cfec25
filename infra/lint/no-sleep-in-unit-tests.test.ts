import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../..', import.meta.url);
/** Tests whose subject is the real clock, or the text of a sleep. */
const allowed = new Set([
  'infra/lint/no-ad-hoc-retry.test.ts',
  'infra/lint/no-sleep-in-unit-tests.test.ts',
  'libs/config/src/event-loop.test.ts',
  'libs/core/src/primitives.test.ts',
]);

// Planted fault: a `systemClock.sleep(5)` in any unit test.
it('S63: no unit test sleeps by the real clock, except those of the clock itself', () => {
  const files = globSync('{libs,services,schemas,infra,docs,verification}/**/*.test.ts', {
    cwd: root.pathname,
    exclude: (name) => name === 'node_modules',
  }).filter((path) => !/\.(int|e2e)\.test\.ts$/.test(path));
  const sleeping = files.filter((path) =>
    /setTimeout\(|systemClock\.sleep|timers\/promises/.test(readFileSync(new URL(path, root), 'utf8')),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(sleeping.filter((path) => !allowed.has(path))).toEqual([]);
});
