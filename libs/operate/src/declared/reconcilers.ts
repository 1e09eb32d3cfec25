import type { Reconciler } from '@convergekit/reconcile';
import { misconfigured } from '../host/errors.ts';
import { exportsLike, exportsThat } from '../host/modules.ts';
import type { Settings } from '../host/settings.ts';

/** Imports the named modules, else those of the settings, and returns every reconciler that they export. */
export async function loadReconcilers(
  settings: Settings,
  named: readonly string[],
): Promise<readonly Reconciler[]> {
  const hint = 'no reconciler: export what defineReconciler returns';
  if (named.length > 0) return distinct(await exportsThat(named, isReconciler, hint), named);
  const declared = await reconcilersOfSettings(settings);
  const { modules } = settings;
  if (declared.length === 0 && modules.length > 0)
    throw misconfigured('MODULE_EMPTY', `module ${modules.join(', ')} exports ${hint}`);
  if (declared.length === 0)
    throw misconfigured(
      'MODULES_MISSING',
      'no module with reconcilers is named: give files, folders or packages as arguments, or in CONVERGE__MODULES',
    );
  return declared;
}

/** Imports the modules of the settings and returns every reconciler that they export; some may export sagas only. */
export async function reconcilersOfSettings({ modules }: Settings): Promise<readonly Reconciler[]> {
  return distinct(await exportsLike(modules, isReconciler, 'settings'), modules);
}

/** Returns each exported reconciler once. Throws RECONCILER_TWICE for two of one name. */
function distinct(exported: readonly Reconciler[], modules: readonly string[]): readonly Reconciler[] {
  // A reconciler that an index re-exports is one, not two.
  const found = [...new Set(exported)];
  const names = found.map((reconciler) => reconciler.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  // Two of one name would share their queue and repair each other's keys.
  if (twice !== undefined)
    throw misconfigured(
      'RECONCILER_TWICE',
      `two reconcilers are named ${twice}, in ${modules.join(', ')}: they would share one queue; rename one`,
    );
  return found;
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
