import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { idsOfTitle } from '../../test/promise-ids.ts';
import { allPromiseRows } from '../../test/promises.ts';
import { readDoors, readKitTables } from './doors.ts';
import { type House, insidesOf, titlesOf } from './inspect.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const house: House = { root, doors: readDoors(root), kitTables: readKitTables(root) };

/** Guarantees 5, 6 and 8, and the requirements of sagas: promises of code that will be rebuilt. */
const isOfRebuilt = (id: string): boolean => /^G[568]|^S(2[6-9]|3[0-2]|5[4-7])$/.test(id);

/** The least share of tests that use public doors alone. It is raised with each test that moves, and never lowered. */
const RATCHET = 0.9;

const paths = globSync(
  ['{libs,services}/*/src/**/*.test.ts', '{schemas,verification,infra,docs,test}/**/*.test.ts'],
  {
    cwd: root,
    exclude: ['**/node_modules/**', '**/dist/**'],
  },
).toSorted();

it('the tests behind the promises of sagas, calls, workflows and slices use public doors', () => {
  const tests = paths.flatMap((path) => {
    const titles = titlesOf(root, path).filter((title) => idsOfTitle(title).some(isOfRebuilt));
    if (titles.length === 0) return [];
    const insides = insidesOf(house, path);
    return titles.map((title) => ({ path, title, insides }));
  });
  const open = tests.filter(({ insides }) => insides.length === 0);
  const shown = new Set(open.flatMap(({ title }) => idsOfTitle(title)));
  const ids = allPromiseRows().flatMap(({ id }) => (isOfRebuilt(id) ? [id] : []));
  const share = open.length / tests.length;
  const left = Map.groupBy(
    tests.filter(({ insides }) => insides.length > 0),
    ({ path }) => path,
  );
  const lines = [
    `${open.length} of ${tests.length} tests use public doors alone (${(100 * share).toFixed(1)} %)`,
    `${ids.filter((id) => shown.has(id)).length} of ${ids.length} promises have such a test; not ${ids.filter((id) => !shown.has(id)).join(' ')}`,
    ...[...left].flatMap(([path, own]) => [
      `${path} (${own.length})`,
      ...(own[0]?.insides ?? []).map((one) => `    ${one}`),
    ]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  expect(share).toBeGreaterThanOrEqual(RATCHET);
});
