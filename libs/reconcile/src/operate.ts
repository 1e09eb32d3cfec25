/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { type Approval, type Approved, approveRepairs } from './approval/approve.ts';
export { type AuditEntry, readAudit } from './audit/read-sql.ts';
export { diffKey, type FieldDiff, type FieldMark, type KeyDiff } from './diff/diff-key.ts';
export { readWaiting, type WaitingKey } from './diff/diff-sql.ts';
export { type OverdueSchedule, readOverdueSchedules } from './schedule/overdue-sql.ts';
export { nextRun } from './schedule/schedule.ts';
export { readChunk } from './scan-chunk.ts';
export { pauseReconciler, resumeReconciler } from './runs/pause-sql.ts';
export { requestRun } from './runs/request-sql.ts';
export {
  knownReconcilers,
  listRuns,
  readStatus,
  type ReconcilerStatus,
  type RunView,
} from './runs/history-sql.ts';
