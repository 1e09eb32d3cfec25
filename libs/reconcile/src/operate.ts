/** Exports for operators, used by the CLI and the console. They may change in any version. */
export { nextRun } from './schedule.ts';
export { approveRepairs } from './window.ts';
