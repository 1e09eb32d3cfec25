/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { type Approval, type Approved, approveRepairs } from './approval/approve.ts';
export { type AuditEntry, readAudit } from './audit/read-sql.ts';
export { diffKey, type FieldDiff, type FieldMark, type KeyDiff } from './diff/diff-key.ts';
export { readWaiting, type WaitingKey } from './diff/diff-sql.ts';
export { nextRun } from './schedule.ts';
