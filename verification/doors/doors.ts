import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The source file of each public entry point, by the name that users import. */
export type Doors = ReadonlyMap<string, string>;

/**
 * Entry points that are exported for other packages of the kit, and no promise to users. `convergekit/operate` is one:
 * it has the parts of a service.
 */
const FOR_THE_KIT = /^@convergekit\/.*\/(engine|payload|operate)$|^@convergekit\/(inbox|saga)\/testing$/;

/**
 * What tests may use of such entry points: servers and databases of the test kit, the wire format of events, which other
 * languages write, and a source that writes records by that format.
 */
const ALSO_PUBLIC: Readonly<Record<string, readonly string[]>> = {
  '@convergekit/testing/engine': ['*'],
  '@convergekit/contracts/engine': [
    'failureEvent',
    'KIT_TYPES',
    'WIRE',
    'START',
    'formatPosition',
    'contextHeaders',
  ],
  '@convergekit/saga/testing': ['RecordedDecision', 'recordHistory', 'replayHistory', 'SagaHistory'],
  '@convergekit/inbox/testing': [
    'FixtureSource',
    'FixtureRecord',
    'sendRecords',
    'makeTopics',
    'quickRetries',
  ],
};

/** What docs/ describes for SQL of users: the function that emits, the request keys, and the audit of operators. */
const DOCUMENTED_SQL: readonly string[] = ['emit', 'request', 'audit'];

/** Fixtures that start a program in the test's process, in place of its binary: all else of it is seen from outside. */
export const STARTERS: readonly string[] = [
  'libs/cli/src/fixture/cli.ts',
  'services/console/src/fixture/console-under-test.ts',
  // The console with one page of its own, asked by requests.
  'services/console/src/fixture/app-under-test.ts',
  // What a relay does, at once: it is not rebuilt.
  'libs/saga/src/fixture/pump.ts',
];

/** True when users may import this name of this entry point. */
export const isPublic = (entry: string, name: string): boolean =>
  !FOR_THE_KIT.test(entry) ||
  (ALSO_PUBLIC[entry]?.some((allowed) => allowed === '*' || allowed === name) ?? false);

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string | { readonly source?: string }>>;
}

/** Reads the entry points of all packages, public or not. */
export function readDoors(root: string): Doors {
  const manifests = globSync(['libs/*/package.json', 'services/*/package.json', 'schemas/package.json'], {
    cwd: root,
  });
  return new Map(
    manifests.flatMap((path) => {
      const { name, exports = {} } = JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest;
      return Object.entries(exports).flatMap(([door, target]) => {
        const source = typeof target === 'string' ? target : target.source;
        return source === undefined ? [] : [[join(name, door), join(dirname(path), source)] as const];
      });
    }),
  );
}

/** Reads the names of the kit's tables, views and functions from its SQL. */
export function readKitTables(root: string): ReadonlySet<string> {
  const files = globSync('libs/*/sql/**/*.sql', { cwd: root });
  const made =
    /create (?:or replace )?(?:unlogged )?(?:table|view|function|sequence)(?: if not exists)? converge\.(\w+)/gi;
  const names = files.flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(made)].map(([, name = '']) => name),
  );
  return new Set(names.filter((name) => !DOCUMENTED_SQL.includes(name)));
}
