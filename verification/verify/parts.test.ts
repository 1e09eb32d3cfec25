import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parts } from './parts.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
/** The same pattern as in the recipe of `help`. */
const targets = [...read('Makefile').matchAll(/^([a-z][a-z-]*):.*## /gm)].map(([, name = '']) => name);
/** The targets that a script has make run. */
function startedBy(script: string): readonly string[] {
  const calls = script.matchAll(/\bmake((?: (?:--?[a-z-]+|-C \S+|[A-Z]+=\S*|[a-z][a-z-]*))+)/g);
  return [...calls].flatMap(([, words = '']) => words.split(' ')).filter((word) => targets.includes(word));
}

it('each target of `make help` is started by a part of `make verify`, or by .ci/run', () => {
  const scripts = [read('.ci/run'), ...parts.flatMap(({ steps }) => steps)];
  // `make chart` runs the part of that name.
  const started = new Set(['chart', ...scripts.flatMap(startedBy)]);
  expect(targets.length).toBeGreaterThan(30);
  expect(targets.filter((target) => !started.has(target))).toEqual([]);
});

it('a release runs every part of `make verify`', () => {
  const [, matrix = ''] = /\n {8}part:\n((?: {10}- .*\n)+)/.exec(read('.github/workflows/release.yml')) ?? [];
  const released = [...matrix.matchAll(/- (.+)/g)].map(([, name]) => name);
  expect(released.toSorted()).toEqual(parts.map(({ name }) => name).toSorted());
});
