import { importReconcilers } from '@convergekit/cli/operate';
import type { Reconciler } from '@convergekit/reconcile';
import type { OpenReconciler } from '@convergekit/reconcile/operate';
import type { ConsoleContext } from '../../screen.ts';

/** Finds the declaration of a reconciler whose database has a name; undefined where no module declares it. */
export type FindDeclared = (database: string, name: string) => Promise<OpenReconciler | undefined>;

/** Makes the search in the modules of the settings, which are imported once, at the first use. */
export function declaredReconcilers({ settings, databases }: ConsoleContext): FindDeclared {
  let imported: Promise<readonly Reconciler[]> | undefined;
  return async (database, name) => {
    imported ??= importReconcilers(settings.console.modules, 'settings', { others: 'skip' });
    const declared = (await imported).find((one) => one.name === name && one.actual.in === database);
    const desired = databases.all.find((one) => one.name === declared?.desired.in);
    if (declared === undefined || desired === undefined) return undefined;
    return { declared, desired: desired.database.db, actual: databases.get(database).database.db };
  };
}
