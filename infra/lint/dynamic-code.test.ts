/** Code that is chosen at run time: what an event, a header or an answer holds must never name a module or a program. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../packages/workspaces.ts';

/** Each place with its reason. A name comes from settings, the command line or a constant, never from what is received. */
const ALLOWED = {
  'libs/cli/src/commands/dev/dev.ts': 'the two doors of the test kit, from the folder of the project',
  'libs/operate/src/host/modules.ts': 'modules that settings or the command line name',
  'libs/kafka/src/wire/token.ts': 'the module of kafka.sasl.tokenModule',
  'libs/testing/src/stack/postgres-binaries.ts': 'the folder in which npm put the binaries of Postgres',
};

/** `import(` and `require(` of anything but one literal, and what compiles text. */
const CHOSEN =
  /\b(?:import|require|createRequire\([^)]*\))\((?!\s*['"`][^'"`$]*['"`]\s*\))|\beval\(|new Function\(|node:vm'/;

it('only the places that are listed load a module by a name that is not written there, and none compiles text', () => {
  const sources = globSync(['libs/*/src/**/*.ts', 'services/*/src/**/*.ts'], { cwd: root }).filter(
    (path) => !/\.test\.ts$|\/fixture\/|\/contract\//.test(path),
  );
  const found = sources.filter((path) =>
    readFileSync(join(root, path), 'utf8')
      .split('\n')
      .some((line) => CHOSEN.test(line.replace(/\/\/.*|\/?\*.*/, ''))),
  );
  expect(sources.length).toBeGreaterThan(500);
  expect(found.toSorted()).toEqual(Object.keys(ALLOWED).toSorted());
});

it.each([
  ['await import(name)', true],
  ['createRequire(import.meta.url)(name)', true],
  ["createRequire(import.meta.url)('snappy')", false],
  ['require(`./${name}`)', true],
  ["await import('./here.ts')", false],
  ['eval(text)', true],
  ["import vm from 'node:vm'", true],
])('the search finds %s: %s', (code, expected) => {
  expect(CHOSEN.test(code)).toBe(expected);
});
