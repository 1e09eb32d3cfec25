import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
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

/** The numbered files of a walk, or of a part of it. */
function filesOf(walk: string): readonly string[] {
  return [...walk.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, path = '']) => path);
}

/** The files that a source file imports by a relative path. */
function imports(file: string): ReadonlySet<string> {
  const named = [...read(file).matchAll(/\bfrom '(\.[^']+)'/g)].map(([, path = '']) => path);
  return new Set(named.map((path) => join(dirname(file), path)));
}

describe('the page of the architecture', () => {
  // Planted fault: a file of a walk that is renamed is listed here.
  it('the page of the architecture names only paths that exist', () => {
    const named = [...page.matchAll(/`((?:libs|docs|services|schemas|verification)\/[^`\s]*)`/g)];
    const paths = named.map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter((path) => !existsSync(resolve(root, path)))).toEqual([]);
  });

  it.each([
    ['One event', 14],
    ['One failing step', 10],
    ['One repair pass', 10],
  ])(
    'the walk "%s" has at most %i files, each once and linked by an import to one before it',
    (title, most) => {
      const walk = page.split(/^### /m).find((section) => section.startsWith(title)) ?? '';
      const files = filesOf(walk);
      expect(files.length).toBeGreaterThan(most / 2);
      expect(files.length).toBeLessThanOrEqual(most);
      expect(files).toEqual([...new Set(files)]);
      // A paragraph between two lists begins another part: there the walk crosses the database, Kafka or a port.
      const loose = walk.split(/^(?=[A-Z])/m).flatMap((part) => {
        const linked = filesOf(part);
        return linked.filter(
          (file, at) =>
            at > 0 && !linked.slice(0, at).some((one) => imports(one).has(file) || imports(file).has(one)),
        );
      });
      expect(loose).toEqual([]);
    },
  );

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
