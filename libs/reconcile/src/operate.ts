/** For operators: what the CLI and the console use. It may change in any version. */
export { nextRun } from './schedule.ts';
export { approveRepairs } from './window.ts';
