import { isDeepStrictEqual } from 'node:util';
import { ReconcileError } from '../errors.ts';
import type { Reconciler } from '../reconciler.ts';
import { changedFields } from '../verdict/fields.ts';
import { modeOf } from '../verdict/modes.ts';
import { versionOf } from '../observe.ts';

/** Lists the fields that a repair changed and may not: those it does not own, and those of a weaker mode. Pure. */
export function foreignFields(reconciler: Reconciler, before: unknown, after: unknown): readonly string[] {
  const { owns } = reconciler;
  // A declared name is a field, although the loops do not know the state's type.
  const version = reconciler.version as unknown;
  return changedFields(before, after).filter(
    (field) =>
      field !== version &&
      !(owns === undefined
        ? !Object.hasOwn(reconciler.modes, field) || modeOf(reconciler, field) === 'repair'
        : owns.includes(field)),
  );
}

/** Throws REPAIR_NOT_OWNED if the repair changed a field that it may not. */
export function checkOwned(reconciler: Reconciler, key: string, before: unknown, after: unknown): void {
  const foreign = foreignFields(reconciler, before, after);
  if (foreign.length === 0) return;
  const { name, owns } = reconciler;
  const owned = owns === undefined ? 'its modes exclude them' : `it owns ${owns.join(', ')}`;
  throw new ReconcileError(
    `the repair of key ${key} by ${name} changed ${foreign.join(', ')}, and ${owned}: rolled back. Change the repair, or add the fields to \`owns\``,
    { code: 'REPAIR_NOT_OWNED', category: 'bug' },
  );
}

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
