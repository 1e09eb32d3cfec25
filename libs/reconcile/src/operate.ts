/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { type Approval, type Approved, approveRepairs } from './approval/approve-sql.ts';
export { type AuditEntry, readAudit } from './audit/audit-sql.ts';
export { type FieldDiff, type FieldMark, type KeyDiff, recordedFields } from './diff/diff-key.ts';
export { type Differences, diffKeys, diffOne, type OpenReconciler } from './diff/diff-keys.ts';
export { countDrift, type DriftCount, type DriftFilter, type DriftKey, readDrift } from './diff/drift-sql.ts';
export { readWaiting, type WaitingKey } from './diff/drift-sql.ts';
export { type OverdueSchedule, readOverdueSchedules } from './schedule/schedules-sql.ts';
export { readSchedules, type RecordedSchedule } from './schedule/schedules-sql.ts';
export { nextRun } from './schedule/schedule.ts';
export { retryKeys } from './enqueue-sql.ts';
export { pauseReconciler, type PausingOperator, resumeReconciler } from './runs/pause-sql.ts';
export { requestRun } from './runs/pause-sql.ts';
export { type Condition, conditionOf } from './runs/condition.ts';
export {
  knownReconcilers,
  listRuns,
  readStatus,
  type ReconcilerStatus,
  type RunView,
} from './runs/history-sql.ts';
