import { requestRun } from '@convergekit/reconcile/operate';
import type { CommandContext } from '../../frame/context.ts';
import { UsageError } from '../../frame/errors.ts';
import { type Result, result } from '../../frame/result.ts';
import { findReconciler, type Found } from './find-reconciler.ts';

/** Asks the running processes for a run of each: the one that leads its schedule makes it. */
export async function requestRuns(context: CommandContext, names: readonly string[]): Promise<Result> {
  if (names.length === 0)
    throw new UsageError(
      'COMMAND_LINE_INVALID',
      '--now needs the names of reconcilers: `converge reconcile run <name> --now`; `converge reconcile list` shows them',
    );
  const found: Found[] = [];
  for (const name of names) found.push(await findReconciler(context, name));
  const requested: { name: string; requested: boolean }[] = [];
  for (const { name, executor } of found) {
    const isNew = await requestRun(executor, name, context.operator);
    if (isNew) context.audit({ reconciler: name });
    requested.push({ name, requested: isNew });
  }
  return result(requested, () =>
    requested.map(({ name, requested: isNew }) =>
      isNew
        ? `${name}: requested; \`converge reconcile history ${name}\` shows the run once a process has taken it`
        : `${name}: a run is requested already, and no process has taken it yet`,
    ),
  );
}
