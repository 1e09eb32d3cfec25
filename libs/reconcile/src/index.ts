/**
 * Reconcilers: find and mend what diverges between two databases, key by key. Guarantees:
 * - a key is queued once however often it is reported, and one worker has it at a time (a lease, committed before the work);
 * - a key reported while it is worked on runs once more, and the last report is always seen;
 * - desired is read again after actual: what changed meanwhile is looked at anew, never repaired;
 * - a repair names the version it saw; when somebody was faster nothing is written, and the key is looked at anew;
 * - repair, audit row, events and the key's settlement commit together, and more repairs than the limits allow wait for a person.
 * Work in flight between the services is not looked at yet: the settle window must be longer than events take.
 */
export type {
  ActualSide,
  Databases,
  GapKeys,
  Invariant,
  Keys,
  Limits,
  Mode,
  ReconcilerDefinition,
  RepairContext,
  RepairResult,
  Side,
  Timing,
} from './definition.ts';
export { defineReconciler, type Reconciler } from './reconciler.ts';
export { reportKeys, type ReportRequest } from './report-keys.ts';
export { type ReconcilerService, reconcilerService, type RunCounts, runReconciler } from './service.ts';
export type { NamedDatabases, ReconcileOptions } from './options.ts';
export type { Counts } from './workers.ts';
export { nextRun } from './schedule.ts';
export { approveRepairs } from './window.ts';
export { ReconcileError, type ReconcileErrorCode } from './errors.ts';
export { reconcileMigrations } from './migrations.ts';
