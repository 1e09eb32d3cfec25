import { isDeepStrictEqual } from 'node:util';
import { ReconcileError } from '../errors.ts';
import { versionOf } from '../observe.ts';
import type { Reconciler } from '../reconciler.ts';

/**
 * Throws REPAIR_UNGUARDED if a repair changed a state and its version did not increase. A writer that read the state before
 * the repair would compare the same version, and overwrite it.
 */
export function checkVersion(reconciler: Reconciler, key: string, before: unknown, after: unknown): void {
  const { name, unguarded } = reconciler;
  const [old, now] = [versionOf(reconciler, before), versionOf(reconciler, after)];
  if (unguarded || old === null || now === null || now > old) return;
  if (isDeepStrictEqual(before, after)) return;
  throw new ReconcileError(
    `the repair of key ${key} by ${name} was rolled back: it changed the state, and the version went from ${old} to ${now}. Increase it with every write, as guard.update does`,
    { code: 'REPAIR_UNGUARDED', category: 'bug' },
  );
}
