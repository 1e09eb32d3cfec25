import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { idsInSource, idsOfTitle } from '../../test/promise-ids.ts';
import { allPromiseRows } from '../../test/promises.ts';
import { readDoors, readKitTables } from './doors.ts';
import { type House, insidesOf, titlesOf } from './inspect.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const house: House = { root, doors: readDoors(root), kitTables: readKitTables(root) };

/** Guarantees 5, 6 and 8, and the requirements of sagas: promises of code that will be rebuilt. */
const isOfRebuilt = (id: string): boolean => /^G[568]|^S(2[6-9]|3[0-2]|5[4-7])$/.test(id);

/** The promises that only tests with inside knowledge show. A test through public doors takes its promise out of the list. */
const INSIDE_ALONE = ['G5h', 'G5j', 'G5r', 'G5s', 'G6o'];

const paths = globSync(
  ['{libs,services}/*/src/**/*.test.ts', '{schemas,verification,infra,docs,test}/**/*.test.ts'],
  {
    cwd: root,
    exclude: ['**/node_modules/**', '**/dist/**'],
  },
).toSorted();

it('each promise of sagas, calls, workflows and slices has a test that uses public doors alone, but for those listed', () => {
  const shown = new Set(
    paths
      .filter((path) => idsInSource(readFileSync(join(root, path), 'utf8')).some(isOfRebuilt))
      .map((path) => ({ path, ids: titlesOf(root, path).flatMap(idsOfTitle).filter(isOfRebuilt) }))
      .filter(({ path, ids }) => ids.length > 0 && insidesOf(house, path).length === 0)
      .flatMap(({ ids }) => ids),
  );
  const ids = allPromiseRows().flatMap(({ id }) => (isOfRebuilt(id) ? [id] : []));
  expect(ids.length).toBeGreaterThan(50);
  expect(ids.filter((id) => !shown.has(id))).toEqual(INSIDE_ALONE);
});
