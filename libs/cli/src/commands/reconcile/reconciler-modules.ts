import type { Reconciler } from '@convergekit/reconcile';
import { exportsOf, invalidModule } from '../../frame/module-exports.ts';

/** Imports the modules (files, from the working folder, or packages) and returns every reconciler that they export. */
export async function loadReconcilers(modules: readonly string[]): Promise<readonly Reconciler[]> {
  if (modules.length === 0)
    throw invalidModule(
      'MODULES_MISSING',
      'no module with reconcilers is named: give files or packages as arguments, or in CONVERGE__RECONCILE__MODULES',
    );
  const found: Reconciler[] = [];
  for (const module of modules) found.push(...(await loadOne(module)));
  const names = found.map((reconciler) => reconciler.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  // Two of one name would share their queue and repair each other's keys.
  if (twice !== undefined)
    throw invalidModule('RECONCILER_TWICE', `two reconcilers are named ${twice}: rename one`);
  return found;
}

async function loadOne(module: string): Promise<readonly Reconciler[]> {
  const reconcilers = (await exportsOf(module)).filter(isReconciler);
  if (reconcilers.length === 0)
    throw invalidModule(
      'MODULE_EMPTY',
      `module ${module} exports no reconciler: export what defineReconciler returns`,
    );
  return reconcilers;
}

function isReconciler(value: unknown): value is Reconciler {
  if (typeof value !== 'object' || value === null) return false;
  const { name, compare, repair, timing } = value as Partial<Reconciler>;
  return (
    typeof name === 'string' &&
    typeof compare === 'function' &&
    typeof repair === 'function' &&
    typeof timing === 'object'
  );
}
