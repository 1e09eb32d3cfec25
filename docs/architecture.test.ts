import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const page = read('docs/architecture.md');

/** The floor of each package, from the rules that `make check` applies. */
const cruiser = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as {
  forbidden: readonly { readonly name: string }[];
};
const floors = new Map(
  cruiser.forbidden.flatMap(({ name }) => {
    const [, floor = '', library = ''] = /^floor-(\d+)-(\w+)$/.exec(name) ?? [];
    return library === '' ? [] : [[library, Number(floor)] as const];
  }),
);

/** The kit's packages that a package declares as dependencies. */
function dependenciesOf(library: string): readonly string[] {
  const { dependencies = {} } = JSON.parse(read(`libs/${library}/package.json`)) as {
    dependencies?: Readonly<Record<string, string>>;
  };
  return Object.keys(dependencies).flatMap((name) => name.match(/(?<=^@convergekit\/).+/) ?? []);
}

function allBelow(library: string): ReadonlySet<string> {
  return new Set(dependenciesOf(library).flatMap((name) => [name, ...allBelow(name)]));
}

describe('the page of the architecture', () => {
  // Planted fault: a file of a walk that is renamed is listed here.
  it('the page of the architecture names only paths that exist', () => {
    const named = [...page.matchAll(/`((?:libs|docs|services|schemas|verification)\/[^`\s]*)`/g)];
    const paths = named.map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(60);
    expect(paths.filter((path) => !existsSync(resolve(root, path)))).toEqual([]);
  });

  it('the page of the architecture enters no file twice in one walk', () => {
    const walks = page.split(/^## /m).filter((section) => /^1\. `/m.test(section));
    expect(walks).toHaveLength(3);
    for (const walk of walks) {
      const files = [...walk.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, path = '']) => path);
      expect(files).toEqual([...new Set(files)]);
    }
  });

  it('the page of the architecture has one line for each package, on its floor', () => {
    const lines = [...page.matchAll(/^\| (\d) +\| `(\w+)` +\| .{20,} \|$/gm)];
    const shown = lines.map(([, floor = '', library = '']) => [library, Number(floor)] as const);
    expect(new Map(shown)).toEqual(floors);
    expect(shown.map(([library]) => library).toSorted()).toEqual(
      readdirSync(resolve(root, 'libs')).toSorted(),
    );
  });

  it('the picture of the architecture has each package on its floor', () => {
    const drawn = [...page.matchAll(/^ {2}subgraph F(\d).*\n((?: {4}\w+\n)+)/gm)].flatMap(
      ([, floor = '', names = '']) =>
        names
          .trim()
          .split(/\s+/)
          .map((library) => [library, Number(floor)] as const),
    );
    expect(new Map(drawn)).toEqual(floors);
  });

  it('the picture of the architecture has exactly the dependencies that follow from no others', () => {
    const drawn = [...page.matchAll(/^ {2}(\w+) --> (.+)$/gm)].flatMap(([, from = '', to = '']) =>
      to.split(' & ').map((name) => `${from} → ${name}`),
    );
    const declared = [...floors.keys()].flatMap((from) => {
      const all = dependenciesOf(from);
      const direct = all.filter((name) => !all.some((other) => allBelow(other).has(name)));
      return direct.map((name) => `${from} → ${name}`);
    });
    expect(drawn.toSorted()).toEqual(declared.toSorted());
  });
});

describe('the pages of the documentation', () => {
  const pages = globSync(
    [
      '*.md',
      'docs/*.md',
      'docs/{guides,runbooks,sagas,decisions,reference}/*.md',
      '{libs,services}/*/README.md',
    ],
    { cwd: root },
  );

  // Planted fault: a link to a test that was renamed is listed here.
  it('the pages of the documentation link only to files that exist', () => {
    expect(pages.length).toBeGreaterThan(40);
    const broken = pages.flatMap((from) =>
      [...read(from).matchAll(/\]\(([^)\s#:]+)(?:#[^)]*)?\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !existsSync(resolve(root, dirname(from), target)))
        .map((target) => `${from}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  // Planted fault: a word whose file is renamed is listed here.
  it('the glossary says for each word where it lives, in paths that exist', () => {
    const rows = [...read('docs/glossary.md').matchAll(/^\| (?!word |-)(.+?) +\| (.+?) +\| (.+?) +\|$/gm)];
    expect(rows.length).toBeGreaterThan(60);
    const missing = rows.flatMap(([, word = '', , where = '']) => {
      const paths = [...where.matchAll(/`((?:libs|docs|schemas)\/[^`]+)`/g)].map(([, path = '']) => path);
      if (paths.length === 0) return [`${word}: no path`];
      return paths.filter((path) => !existsSync(resolve(root, path))).map((path) => `${word}: ${path}`);
    });
    expect(missing).toEqual([]);
  });
});
