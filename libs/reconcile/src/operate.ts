/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { readAudit } from './audit/audit-sql.ts';
export { type Differences, diffKeys, type OpenReconciler, readDrift } from './diff/diff-keys.ts';
export { countDrift, readDriftKeys, readWaiting, type WaitingKey } from './diff/drift-sql.ts';
export { retryKeys } from './key-queue.ts';
export { type Condition, conditionOf } from './runs/condition.ts';
export { listRuns, readStatus, type ReconcilerStatus, type RunView } from './runs/history-sql.ts';
export { pauseReconciler, requestRun, resumeReconciler } from './runs/pause-sql.ts';
export { nextRun } from './schedule/schedule.ts';
export { readSchedules, type RecordedSchedule } from './schedule/schedules-sql.ts';
export { type LateKeys, readLateKeys } from './watch.ts';
export { approveRepairs } from './window.ts';

export type { FieldDiff, KeyDiff } from './diff/diff-key.ts';
