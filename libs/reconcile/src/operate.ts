/** Exports for operators, used by the CLI and the console. They may change in any version. */
import { approveRepairs } from './approval/approve-sql.ts';
import { readAudit } from './audit/audit-sql.ts';
import { diffKeys, readDrift } from './diff/diff-keys.ts';
import { countDrift, readWaiting } from './diff/drift-sql.ts';
import { retryKeys } from './enqueue-sql.ts';
import { conditionOf } from './runs/condition.ts';
import { listRuns, readStatus } from './runs/history-sql.ts';
import { pauseReconciler, requestRun, resumeReconciler } from './runs/pause-sql.ts';
import { nextRun } from './schedule/schedule.ts';
import { readSchedules } from './schedule/schedules-sql.ts';

export type { FieldDiff, KeyDiff } from './diff/diff-key.ts';
export type { Differences, OpenReconciler } from './diff/diff-keys.ts';
export type { WaitingKey } from './diff/drift-sql.ts';
export type { Condition } from './runs/condition.ts';
export type { ReconcilerStatus, RunView } from './runs/history-sql.ts';
export type { RecordedSchedule } from './schedule/schedules-sql.ts';

/** The reconcilers of a database: their schedules and runs, and pauses of them. */
export const reconcilerRuns = {
  readStatus,
  conditionOf,
  list: listRuns,
  readSchedules,
  nextOf: nextRun,
  request: requestRun,
  pause: pauseReconciler,
  resume: resumeReconciler,
} as const;

/** The keys that diverge, what was repaired, and what an operator does about them. */
export const reconcilerDrift = {
  count: countDrift,
  read: readDrift,
  compare: diffKeys,
  readWaiting,
  readAudit,
  approve: approveRepairs,
  retry: retryKeys,
} as const;
