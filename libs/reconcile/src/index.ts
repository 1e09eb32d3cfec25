/**
 * Reconcilers: find and repair divergence between two databases, key by key. Guarantees:
 * - a key is queued once however often it is reported, and one worker holds it at a time (a lease, committed before the work);
 * - a key that is reported during its run runs once more, so that the last report is always processed;
 * - before a repair desired is read again after actual: if it changed meanwhile, the key is compared again, never repaired;
 * - a repair changes a row only if the kit compared its version; after a concurrent write it writes nothing, and the key is
 *   compared again;
 * - each verdict that is neither a repair nor in sync has an audit row, once for each change;
 * - repair, audit row, events and the key's next state commit together; repairs above the limits wait for an operator.
 * - with `inFlight` a drift counts only when every event of its key that was emitted until then has been handled, and none is
 *   parked or belongs to an open step; what cannot be proved is waited for, with the reason, and uses up nothing.
 */
export type { ReconcilerDefinition, RepairContext, RepairResult, ScanChunk } from './definition.ts';
export type { Guard } from './guard/guard.ts';
export { defineReconciler, from, type Reconciler } from './reconciler.ts';
export { digestTable } from './digest/digest-table.ts';
export { digestScan } from './digest/digest-scan.ts';
export { markDirty } from './digest/dirty.ts';
export { reportKeys } from './report-keys.ts';
export {
  type ReconcileOptions,
  type ReconcilerService,
  reconcilerService,
  runReconciler,
} from './service.ts';
export type { RunCounts } from './runner.ts';
export type { ReconcileErrorCode } from './errors.ts';
export { reconcileMigrations } from './migrations.ts';
