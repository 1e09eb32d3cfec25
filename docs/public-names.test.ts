import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { root } from '../infra/packages/workspaces.ts';
import { compileErrors } from '../test/compiler.ts';
import { namesPage } from './reference/names-page.ts';
import { compiled, entryPoints, namesOf, type PublicDoor } from './reference/public-api.ts';
import { propertiesOf, type PublicProperty } from './reference/public-properties.ts';

const doors = entryPoints();
const open = new Set(doors.filter(({ isPublic }) => isPublic).map(({ door }) => door));

/** What each door exports, public or not. */
let all: readonly PublicDoor[];
let published: readonly PublicDoor[];
/** What users write or read in the types of public doors. */
let properties: readonly PublicProperty[];
beforeAll(() => {
  const program = compiled(doors);
  all = namesOf(doors, program);
  published = all.filter(({ door }) => open.has(door));
  properties = propertiesOf(
    doors.filter(({ isPublic }) => isPublic),
    program,
  );
});

/** Without imports and empty lines. */
const LINES_OF_AN_EXAMPLE = 14;

const values = ({ names }: PublicDoor): readonly string[] =>
  names.flatMap(({ name, isValue }) => (isValue ? [name] : [])).toSorted();
const types = ({ names }: PublicDoor): readonly string[] =>
  names.flatMap(({ name, isValue }) => (isValue ? [] : [name])).toSorted();

function totals(): string {
  const packages = new Set(published.map(({ door }) => /^(@[^/]+\/)?[^/]+/.exec(door)?.[0]));
  const sum = (kind: typeof values) => published.reduce((count, door) => count + kind(door).length, 0);
  return `${packages.size} packages, ${published.length} doors, ${sum(values)} values, ${sum(types)} types`;
}

// A change of the list is a change of what users may depend on: `vitest run --project unit docs/public-names -u` records it.
it('the public names of the published packages are those that docs/public-names.txt lists', async () => {
  const line = (kind: string, names: readonly string[]) => `  ${kind} ${names.length}: ${names.join(' ')}\n`;
  const text = published.map(
    (door) => `${door.door}\n${line('values', values(door))}${line('types', types(door))}`,
  );
  await expect(`${totals()}\n\n${text.join('')}`).toMatchFileSnapshot('public-names.txt');
});

it('the page of the public names says what the declarations in the code say: `make docs` writes it', () => {
  expect(readFileSync(join(root, 'docs/reference/names.md'), 'utf8')).toBe(namesPage(published));
});

it('the comment of every public value has an example', () => {
  const without = published.flatMap(({ door, names }) =>
    names.flatMap(({ name, isValue, example }) =>
      isValue && example === undefined ? [`${door} ${name}`] : [],
    ),
  );
  expect(without).toEqual([]);
});

it('each property that users write or read has a comment that an editor shows', () => {
  expect(properties.length).toBeGreaterThan(800);
  expect(properties.filter(({ comment }) => comment === '').map(({ at }) => at)).toEqual([]);
});

it('the comment of each property that may be left out says its default, or what its absence means', () => {
  const silent = properties.filter(
    ({ isOptional, byDefault, comment }) =>
      isOptional && byDefault === undefined && !/\b(undefined|absent|without)\b/i.test(comment),
  );
  expect(silent.map(({ at }) => at)).toEqual([]);
});

it('every example in the comment of a public name compiles as a module of a user, who has docs/examples/editor/shop.ts', () => {
  const examples = published.flatMap(({ names }) =>
    names.flatMap(({ name, example }) =>
      example === undefined
        ? []
        : [[join(root, `docs/examples/editor/${name}.example.ts`), example] as const],
    ),
  );
  expect(examples.length).toBeGreaterThan(20);
  expect(compileErrors(new Map(examples))).toEqual([]);
});

it('an example is short, and imports the door that exports its name', () => {
  const wrong = published.flatMap(({ door, names }) =>
    names.flatMap(({ name, example }) => {
      if (example === undefined) return [];
      const lines = example.split('\n').filter((line) => line !== '' && !line.startsWith('import'));
      const imported = new RegExp(`\\b${name}\\b[^;]* from '${door}'`).test(example);
      return lines.length <= LINES_OF_AN_EXAMPLE && imported ? [] : [`${door} ${name}`];
    }),
  );
  expect(wrong).toEqual([]);
});

// The search for dead code (knip) takes each export of a door for used.
it('each value of a door is used outside of its package, or a page shows it', () => {
  const used = new Set<string>();
  const shown = new Set<string>();
  for (const path of globSync(
    '{libs,services,schemas,verification,docs,infra,test,README.md}{,/**/*.{ts,tsx,md}}',
    {
      cwd: root,
      exclude: ['**/node_modules/**', '**/dist/**'],
    },
  )) {
    // The generated page and the examples in comments show every name.
    if (path === 'docs/reference/names.md') continue;
    const text = /\.\w+$/.test(path) ? readFileSync(join(root, path), 'utf8').replace(/^ +\*.*$/gm, '') : '';
    const imports = text.matchAll(
      /\{([^{}]*)\}(?: from|\s*=\s*await import\()\s*'((?:@convergekit\/|convergekit)[^']*)'/g,
    );
    for (const [, names = '', door] of imports)
      for (const name of names.match(/\w+/g) ?? []) used.add(`${door} ${name}`);
    if (path.endsWith('.md')) for (const name of text.match(/\w+/g) ?? []) shown.add(name);
  }
  const unused = all.flatMap((one) => {
    const isInternal = /\/(engine|operate|internal)$/.test(one.door) && one.door.startsWith('@');
    const isUsed = (value: string) => used.has(`${one.door} ${value}`) || (!isInternal && shown.has(value));
    return values(one).flatMap((value) => (isUsed(value) ? [] : [`${one.door} ${value}`]));
  });
  expect(unused).toEqual([]);
});

it('templates, examples, guides and samples import public doors alone', () => {
  const isOpen = (id: string) => open.has(id) || /^@convergekit\/(schemas|service-common)$/.test(id);
  const paths = globSync(
    [
      'README.md',
      'docs/{examples,guides}/**/*.{ts,md}',
      'libs/cli/templates/**/*.ts',
      'services/{common,shop,transfers,relay,reconciler}/src/**/*.ts',
    ],
    { cwd: root },
  ).filter((path) => !/\/fixture\/|\/generated\/|\.int\.test\.ts$|^services\/.*\.test\.ts$/.test(path));
  expect(paths.length).toBeGreaterThan(100);
  const inside = paths.flatMap((path) =>
    [
      ...readFileSync(join(root, path), 'utf8').matchAll(/from '((?:@convergekit\/|convergekit)[^']*)'/g),
    ].flatMap(([, id = '']) => (isOpen(id) ? [] : [`${path}: ${id}`])),
  );
  expect(inside).toEqual([]);
});

it('the package that a service installs has at most 40 values', () => {
  const kit = published.find(({ door }) => door === 'convergekit');
  expect(kit && values(kit).length).toBeGreaterThan(20);
  expect(kit && values(kit).length).toBeLessThanOrEqual(40);
});
