import { databaseVariable, nearest } from '@convergekit/config/engine';
import type { Database, Executor } from '@convergekit/postgres';
import { reconcileMigrations, type Reconciler } from '@convergekit/reconcile';
import type { OpenReconciler } from '@convergekit/reconcile/operate';
import { requireMigrations } from '@convergekit/postgres/operate';
import { requireReconciler, tables } from '@convergekit/operate/reconcile';
import { readsOf } from '../../frame/act-command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { misconfigured, UsageError } from '@convergekit/operate/errors';
import { argument, texts } from '../../frame/flags.ts';
import { addressesOf } from '@convergekit/operate/host';
import { loadReconcilers } from '@convergekit/operate/declared';

/** A reconciler that an operator names, and the database that has its rows. */
export interface Found {
  readonly name: string;
  /** Its declaration; undefined where no module of the settings declares it. */
  readonly declared: Reconciler | undefined;
  /** The database that it repairs. */
  readonly executor: Executor;
}

export const nameArgument = { name: argument('a reconciler, as `reconcile list` names it') };

/** Finds a reconciler by name in the databases of the settings, and its declaration. Rejects with RECONCILER_UNKNOWN. */
export async function findReconciler(context: CommandContext, name: string): Promise<Found> {
  const reads = await readsOf(context, tables);
  const { executor } = (await requireReconciler(reads, name)).database;
  const declared = (await reads.reconcilers()).find((one) => one.name === name);
  return { name, declared, executor };
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
