import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { models } from './models.ts';

const DEFINITION = /^(\w+)(?:\([^)]*\))? ==/;
const CHANGES = /\b\w+' (?:=|\\in)/;

/** The definitions of a module that change variables, each with the comment above it. */
function actionsOf(module: string) {
  const lines = module.split('\n');
  const starts = lines.flatMap((line, at) => (DEFINITION.test(line) ? [at] : []));
  return starts.flatMap((at, index) => {
    const body = lines.slice(at, starts[index + 1]).join('\n');
    const name = DEFINITION.exec(lines[at] ?? '')?.[1] ?? '';
    return CHANGES.test(withoutComments(body)) ? [{ name, comment: commentAbove(lines, at) }] : [];
  });
}

function withoutComments(text: string): string {
  return text.replaceAll(/\\\*.*/g, '');
}

function commentAbove(lines: readonly string[], at: number): string {
  const above: string[] = [];
  for (let line = at - 1; lines[line]?.startsWith('\\* ') === true; line -= 1)
    above.unshift(lines[line]?.slice(3) ?? '');
  return above.join(' ');
}

const PLACE = /((?:libs|services|schemas)\/[\w./-]+\.(?:ts|sql)) \(([\w.]+)\)/g;

/** The places in the source that a comment names: `libs/relay/src/leader/lead.ts (lead)`. */
function placesIn(comment: string) {
  return [...comment.matchAll(PLACE)].map(([, file = '', symbol = '']) => ({ file, symbol }));
}

const root = join(import.meta.dirname, '../..');
const moduleOf = (name: string): string => readFileSync(join(import.meta.dirname, `${name}.tla`), 'utf8');

it('an action is a definition that changes a variable, with the comment above it', () => {
  const module = [
    'Init == x = 0',
    '',
    '\\* Adds one: libs/a/src/add.ts (add) and',
    '\\* libs/a/sql/001.sql (a.add).',
    'Add(n) ==',
    "  /\\ x' = x + n",
    '',
    "\\* x' = 1 stands in a comment alone.",
    'Idle == UNCHANGED x',
  ].join('\n');
  const [add, ...others] = actionsOf(module);
  expect([add?.name, others]).toEqual(['Add', []]);
  expect(placesIn(add?.comment ?? '')).toEqual([
    { file: 'libs/a/src/add.ts', symbol: 'add' },
    { file: 'libs/a/sql/001.sql', symbol: 'a.add' },
  ]);
});

it('every action of a model names code that is there, by its file and its name', () => {
  // Step models the design, which has one lease a process: its actions name parts of it.
  const existing = models.filter(({ name }) => name !== 'Step');
  const wrong = existing.flatMap(({ name }) =>
    actionsOf(moduleOf(name)).flatMap((action) => {
      const places = placesIn(action.comment);
      const missing = places.filter(
        ({ file, symbol }) =>
          !existsSync(join(root, file)) || !readFileSync(join(root, file), 'utf8').includes(symbol),
      );
      return places.length > 0 && missing.length === 0 ? [] : [`${name}: ${action.name}: ${action.comment}`];
    }),
  );
  expect(wrong).toEqual([]);
  expect(actionsOf(moduleOf('Ticks')).length).toBeGreaterThan(10);
});

it('every action of the step names a part of the design', () => {
  const parts = ['One row a step', 'A small queue', 'Leases', 'Born claimed', 'Joins', 'Below the horizon'];
  const known = [...parts, 'One slice', 'One queue module', 'Outside'];
  const actions = actionsOf(moduleOf('Step'));
  const without = actions.filter(({ comment }) => !known.some((part) => comment.startsWith(`"${part}"`)));
  expect(without).toEqual([]);
  expect(actions.length).toBeGreaterThan(20);
});

it('every invariant of a model has a control that breaks it, except those without a guard of their own', () => {
  const unbroken = models.flatMap(({ name, invariants, controls }) =>
    invariants
      .filter((invariant) => !controls.some(({ breaks }) => breaks === invariant))
      .map((invariant) => `${name}: ${invariant}`),
  );
  expect(unbroken).toEqual(['Lease: OncePerEpoch', 'Lease: NoGap']);
});

it('every guard of a model is taken out by a control, and stands in its module', () => {
  const idle = models.flatMap(({ name, guards, controls }) =>
    guards
      .filter((guard) => !controls.some(({ constants }) => guard in constants))
      .map((guard) => `${name}: ${guard}`),
  );
  expect(idle).toEqual([]);
});
