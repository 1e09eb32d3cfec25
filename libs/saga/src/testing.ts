/**
 * Exports for tests of a service: histories of its sagas, recorded once and replayed by later code. The other values
 * are for the test kit, to claim and do one piece of work at a time; they may change in any version.
 */
export { announce } from './effects/work/announce.ts';
export { claimWork } from './effects/work/claim-sql.ts';
export { inputSql } from './effects/work/input-sql.ts';
export { declareEffects } from './effects/work/worker-sql.ts';
export { resolveOptions } from './effects/worker/options.ts';
export { processWork } from './effects/worker/process-work.ts';

export type { ClaimedWork } from './effects/work/work.ts';
export { type RecordedDecision, recordHistory, replayHistory, type SagaHistory } from './verify/history.ts';
