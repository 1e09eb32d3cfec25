import { databaseVariable, nearest } from '@convergekit/config/engine';
import type { Database, Executor } from '@convergekit/postgres';
import { reconcileMigrations, type Reconciler } from '@convergekit/reconcile';
import { type OpenReconciler, readStatus } from '@convergekit/reconcile/operate';
import { requireMigrations } from '@convergekit/postgres/operate';
import { reportLastActs } from '../../frame/last-acts.ts';
import { allDatabases } from '../../frame/all-databases.ts';
import type { CommandContext } from '../../frame/context.ts';
import { misconfigured, UsageError } from '@convergekit/operate/errors';
import { argument, texts } from '../../frame/flags.ts';
import { addressesOf, type Settings } from '@convergekit/operate/host';
import { loadReconcilers, reconcilersOfSettings } from '@convergekit/operate/declared';

/** A reconciler that an operator names, and the database that has its rows. */
export interface Found {
  readonly name: string;
  /** Its declaration; undefined where no module of the settings declares it. */
  readonly declared: Reconciler | undefined;
  /** The database that it repairs. */
  readonly executor: Executor;
}

export const nameArgument = { name: argument('a reconciler, as `reconcile list` names it') };

/**
 * Finds a reconciler by name: in the modules of the settings, else in the databases of the settings.
 * Rejects with RECONCILER_UNKNOWN, which suggests the nearest name.
 */
export async function findReconciler(context: CommandContext, name: string): Promise<Found> {
  const { settings } = context;
  const declared = await reconcilersOfSettings(settings);
  const mine = declared.find((one) => one.name === name);
  if (mine !== undefined) {
    const { executor } = await openSide(context, name, mine.actual.in);
    await requireMigrations(executor, [reconcileMigrations]);
    return { name, declared: mine, executor };
  }
  const names = declared.map((one) => one.name);
  for (const { executor } of await allDatabases(context)) {
    const known = (await readStatus(executor)).map((one) => one.name);
    if (known.includes(name)) {
      await requireMigrations(executor, [reconcileMigrations]);
      return { name, declared: undefined, executor };
    }
    names.push(...known);
  }
  const isTypo = nearest(name, [...names]) !== undefined;
  throw declared.length > 0 || isTypo ? unknownName(name, names) : unknownHere(context.settings, name);
}

/** Finds a reconciler by name, and reports the last act on it. */
export async function reconcilerToActOn(context: CommandContext, name: string): Promise<Found> {
  const found = await findReconciler(context, name);
  await reportLastActs(context, found.executor, [name], 'reconciler');
  return found;
}

/** Makes the error of a name that none of the databases has; a reconciler has its rows in the one that it repairs. */
function unknownHere({ databases }: Settings, name: string): UsageError {
  const settings = Object.keys(databases).map(databaseVariable);
  const where = settings.length > 0 ? settings.join(', ') : 'DATABASE_URL';
  return new UsageError(
    'RECONCILER_UNKNOWN',
    `no reconciler ${name} has run in the database of ${where}. Its rows are in the database that it repairs: give CONVERGE__DATABASES__<NAME>=postgres://… of that one, and CONVERGE__MODULES=<module> for one that has not run yet`,
  );
}

/** Opens a database that a reconciler names. Rejects with DATABASE_UNKNOWN where the settings do not have it. */
async function openSide(context: CommandContext, reconciler: string, name: string): Promise<Database> {
  const { settings } = context;
  const [address] = addressesOf(settings, [name]);
  if (address === undefined)
    throw misconfigured(
      'DATABASE_UNKNOWN',
      `reconciler ${reconciler} names the database "${name}", whose address is not set: give ${databaseVariable(name)}=postgres://…`,
    );
  const { url, setting } = address;
  return context.databaseAt(url, { setting, statementTimeoutMs: settings.reconcile.statementMs });
}

/** Makes the error of a name that is not known; it suggests the nearest one. */
function unknownName(name: string, known: readonly string[]): UsageError {
  const near = nearest(name, [...known]);
  const hint = near === undefined ? '' : ` Did you mean ${near}?`;
  return new UsageError(
    'RECONCILER_UNKNOWN',
    `there is no reconciler ${name}.${hint} \`converge reconcile list\` shows all`,
  );
}

export const reconcilerArgument = { reconciler: argument('as `reconcile list` names it') };
export const moduleFlag = {
  module: texts('path', 'a file or package that exports it (default: CONVERGE__MODULES)'),
};

/** A declared reconciler, and the executor of actual's database, which has the queue and the audit. */
interface OpenedReconciler extends OpenReconciler {
  readonly executor: Executor;
}

/** Opens a declared reconciler by name. Throws RECONCILER_UNKNOWN, which suggests the nearest name. */
export async function openNamed(
  context: CommandContext,
  { reconciler: name, module }: { readonly reconciler: string; readonly module: readonly string[] },
): Promise<OpenedReconciler> {
  const all = await loadReconcilers(context.settings, module);
  const names = all.map((one) => one.name);
  const declared = all[names.indexOf(name)];
  if (declared === undefined) throw unknownName(name, names);
  return openDeclared(context, declared);
}

/** Opens the databases of a reconciler. Rejects with MIGRATIONS_MISSING unless actual's has the kit's tables. */
export async function openDeclared(context: CommandContext, declared: Reconciler): Promise<OpenedReconciler> {
  const { name, desired: from, actual: to } = declared;
  const actual = await openSide(context, name, to.in);
  const desired = from.in === to.in ? actual : await openSide(context, name, from.in);
  await requireMigrations(actual.executor, [reconcileMigrations]);
  return { declared, desired: desired.db, actual: actual.db, executor: actual.executor };
}
