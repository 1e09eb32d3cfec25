import type { Executor } from '@convergekit/postgres';
import { type Reconciler, reconcileMigrations } from '@convergekit/reconcile';
import type { OpenReconciler } from '@convergekit/reconcile/operate';
import type { CommandContext } from '../../frame/context.ts';
import { misconfigured } from '../../frame/errors.ts';
import { argument, texts } from '../../frame/flags.ts';
import { requireMigrations } from '@convergekit/postgres/operate';
import { checkedUrl } from '../../frame/settings.ts';
import { settingOf, unknownName } from './find-reconciler.ts';
import { loadReconcilers } from './reconciler-modules.ts';

export const reconcilerArgument = { reconciler: argument('as `reconcile list` names it') };
export const moduleFlag = {
  module: texts('path', 'a file or package that exports it (default: CONVERGE__RECONCILE__MODULES)'),
};

/** A declared reconciler, and the executor of actual's database, which has the queue and the audit. */
interface OpenedReconciler extends OpenReconciler {
  readonly executor: Executor;
}

/** Finds a reconciler by name. Throws RECONCILER_UNKNOWN, which suggests the nearest name. */
export function named(reconcilers: readonly Reconciler[], name: string): Reconciler {
  const found = reconcilers.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw unknownName(
    name,
    reconcilers.map((one) => one.name),
  );
}

export async function openNamed(
  context: CommandContext,
  { reconciler, module }: { readonly reconciler: string; readonly module: readonly string[] },
): Promise<OpenedReconciler> {
  return openDeclared(context, named(await loadReconcilers(context.settings, module), reconciler));
}

/** Opens the databases of a reconciler. Rejects with MIGRATIONS_MISSING unless actual's has the kit's tables. */
export async function openDeclared(context: CommandContext, declared: Reconciler): Promise<OpenedReconciler> {
  const open = async (name: string) => {
    const setting = settingOf(name);
    const { databases, statementMs } = context.settings.reconcile;
    const url = databases[name];
    if (url === undefined)
      throw misconfigured(
        'DATABASE_UNKNOWN',
        `reconciler ${declared.name} reads database "${name}", whose address is not set: give ${setting}=postgres://…`,
      );
    return context.databaseAt(checkedUrl(url, setting), { setting, statementTimeoutMs: statementMs });
  };
  const actual = await open(declared.actual.in);
  const desired = declared.desired.in === declared.actual.in ? actual : await open(declared.desired.in);
  await requireMigrations(actual.executor, [reconcileMigrations]);
  return { declared, desired: desired.db, actual: actual.db, executor: actual.executor };
}
