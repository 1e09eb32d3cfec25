import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports: Readonly<Record<string, string | { readonly source: string }>>;
}
interface Door {
  readonly name: string;
  /** True for an entry point that users have, and may depend on. */
  readonly isPublic: boolean;
  /** The file of the door. */
  readonly file: string;
  readonly values: readonly string[];
  readonly types: readonly string[];
}

const manifests = globSync(['libs/*/package.json', 'services/console/package.json'], {
  cwd: root,
}).toSorted();
const doors = manifests.flatMap((path) => {
  const { name, exports, ...rest } = JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest;
  return Object.entries(exports).map(([door, to]): Door => {
    const isPublic = rest.private !== true && typeof to !== 'string' && door !== './internal';
    const file = join(root, dirname(path), typeof to === 'string' ? to : to.source);
    return { name: join(name, door), isPublic, file, ...namesOf(file) };
  });
});
const publicDoors = doors.filter(({ isPublic }) => isPublic);

function namesOf(file: string): Pick<Door, 'values' | 'types'> {
  const values: string[] = [];
  const types: string[] = [];
  const text = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  for (const one of text.statements) {
    if (ts.isExportDeclaration(one)) {
      if (one.exportClause === undefined || !ts.isNamedExports(one.exportClause))
        throw new Error(`${file} exports everything of another file: name what it exports`);
      for (const element of one.exportClause.elements)
        (one.isTypeOnly || element.isTypeOnly ? types : values).push(element.name.text);
    } else if (ts.canHaveModifiers(one) && ts.getModifiers(one)?.some(isExport)) {
      const kind = ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one) ? types : values;
      if ('name' in one) kind.push((one.name as ts.Identifier).text);
      else if (ts.isVariableStatement(one))
        kind.push(...one.declarationList.declarations.map((each) => each.name.getText()));
    }
  }
  return { values: values.toSorted(), types: types.toSorted() };
}

function totals(): string {
  const packages = new Set(publicDoors.map(({ name }) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0]));
  const sum = (kind: 'values' | 'types') => publicDoors.reduce((all, door) => all + door[kind].length, 0);
  return `${packages.size} packages, ${publicDoors.length} doors, ${sum('values')} values, ${sum('types')} types`;
}

function isExport(modifier: ts.ModifierLike): boolean {
  return modifier.kind === ts.SyntaxKind.ExportKeyword;
}

// A change of the list is a change of what users may depend on: `vitest run --project unit docs/public-names -u` records it.
it('the public names of the published packages are those that docs/public-names.txt lists', async () => {
  const text = publicDoors.map(
    ({ name, values, types }) =>
      `${name}\n  values ${values.length}: ${values.join(' ')}\n  types ${types.length}: ${types.join(' ')}\n`,
  );
  await expect(`${totals()}\n\n${text.join('')}`).toMatchFileSnapshot('public-names.txt');
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
    const text = /\.\w+$/.test(path) ? readFileSync(join(root, path), 'utf8') : '';
    const imports = text.matchAll(
      /\{([^{}]*)\}(?: from|\s*=\s*await import\()\s*'((?:@convergekit\/|convergekit)[^']*)'/g,
    );
    for (const [, names = '', door] of imports)
      for (const name of names.match(/\w+/g) ?? []) used.add(`${door} ${name}`);
    if (path.endsWith('.md')) for (const name of text.match(/\w+/g) ?? []) shown.add(name);
  }
  const unused = doors.flatMap(({ name, values }) => {
    const isInternal = /\/(engine|operate|internal)$/.test(name) && name.startsWith('@');
    const isUsed = (value: string) => used.has(`${name} ${value}`) || (!isInternal && shown.has(value));
    return values.filter((value) => !isUsed(value)).map((value) => `${name} ${value}`);
  });
  expect(unused).toEqual([]);
});

it('templates, examples, guides and samples import public doors alone', () => {
  const open = new Set(publicDoors.map(({ name }) => name));
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
  const kit = doors.find(({ name }) => name === 'convergekit');
  expect(kit?.values.length).toBeGreaterThan(20);
  expect(kit?.values.length).toBeLessThanOrEqual(40);
});
