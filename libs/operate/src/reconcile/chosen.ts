import { nearest } from '@convergekit/config/engine';
import { reconcileMigrations } from '@convergekit/reconcile';
import { readStatus, type ReconcilerStatus } from '@convergekit/reconcile/operate';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { UsageError } from '../host/errors.ts';
import type { Concerned } from '../host/rights.ts';
import { type InputOf, names, text, toggle } from '../registry/fields.ts';
import type { Reads, Tables } from '../registry/reads.ts';

/** A reconciler has its rows in the database that it repairs. */
export const tables: Tables = {
  migrations: [reconcileMigrations],
  table: 'converge.reconciler',
  isEverywhere: () => true,
};

/** A reconciler that an operator chooses, in the database that it repairs. */
export interface Chosen {
  readonly name: string;
  readonly database: NamedDatabase;
  /** Undefined: it has not run yet. */
  readonly status: ReconcilerStatus | undefined;
}

/** The fields by which reconcilers are chosen. */
export const filter = {
  names: names('reconcilers, as `reconcile list` names them; or --matching, or --all'),
  matching: text('part', 'all reconcilers whose name has this part'),
  all: toggle('all reconcilers'),
};
type Filter = InputOf<typeof filter>;

/** What an act on reconcilers concerns. */
export function concernedOf(
  { databases }: Pick<Reads, 'databases'>,
  { names: [name = '*', ...others] }: { readonly names: readonly string[] },
): Promise<Concerned> {
  const [first, ...more] = databases;
  return Promise.resolve({
    database: more.length === 0 ? (first?.name ?? '*') : '*',
    reconciler: others.length === 0 ? name : '*',
  });
}

/** Finds the reconcilers that are meant. Refuses an act on nothing in particular, and names that are not known. */
export async function chosenBy(
  reads: Pick<Reads, 'databases' | 'reconcilers'>,
  { names: named, matching, all }: Filter,
): Promise<readonly Chosen[]> {
  if (named.length > 0) {
    const found: Chosen[] = [];
    for (const name of new Set(named)) found.push(await requireReconciler(reads, name));
    return found;
  }
  if (matching === undefined && !all)
    throw new UsageError('NOTHING_NAMED', 'name reconcilers, or give --matching <part>, or --all');
  return (await readAll(reads)).filter(({ name }) => matching === undefined || name.includes(matching));
}

/** Finds a reconciler by name; of several databases that know it, the one that its declaration names. */
export async function requireReconciler(
  reads: Pick<Reads, 'databases' | 'reconcilers'>,
  name: string,
): Promise<Chosen> {
  const known = await readAll(reads);
  const mine = known.filter((one) => one.name === name);
  const [only, ...others] = mine;
  if (only !== undefined && others.length === 0) return only;
  const all = await reads.reconcilers();
  const declared = all.find((one) => one.name === name);
  const home = reads.databases.find((one) => one.name === declared?.actual.in);
  const there = mine.find(({ database }) => database === home) ?? only;
  if (there !== undefined) return there;
  if (home !== undefined) return { name, database: home, status: undefined };
  throw unknown(reads, name, [...known, ...all]);
}

async function readAll({ databases }: Pick<Reads, 'databases'>): Promise<readonly Chosen[]> {
  const found = await Promise.all(
    databases.map(async (database) =>
      (await readStatus(database.executor)).map((status) => ({ name: status.name, database, status })),
    ),
  );
  return found.flat();
}

/** Makes the error of a name that none of the databases has. */
function unknown(
  { databases }: Pick<Reads, 'databases'>,
  name: string,
  known: readonly { readonly name: string }[],
): UsageError {
  const near = nearest(name, [...new Set(known.map((one) => one.name))]);
  const places = databases.map((one) => one.name).join(', ');
  return new UsageError(
    'RECONCILER_UNKNOWN',
    near === undefined
      ? `there is no reconciler ${name} in ${places === '' ? 'these databases' : places}: \`converge reconcile list\` shows all. Its rows are in the database that it repairs: give CONVERGE__DATABASES__<NAME>=postgres://… of that one, and CONVERGE__MODULES=<module> for one that has not run yet`
      : `there is no reconciler ${name}. Did you mean ${near}? \`converge reconcile list\` shows all`,
  );
}
