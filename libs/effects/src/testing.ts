/** Exports for the test kit: the parts of a worker, to claim and do one piece of work at a time. They may change in any version. */
export { announce } from './work/announce.ts';
export { claimWork } from './work/claim-sql.ts';
export type { ClaimedWork } from './work/work.ts';
export { declareEffects } from './work/worker-sql.ts';
export { resolveOptions } from './worker/options.ts';
export { closeWorks } from './worker/outcome-sql.ts';
export { processWork } from './worker/process-work.ts';
