/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { type Approval, type Approved, approveRepairs } from './approval/approve.ts';
export { nextRun } from './schedule.ts';
