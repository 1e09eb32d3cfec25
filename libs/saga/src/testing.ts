/**
 * Exports for tests of a service: histories of its sagas, recorded once and replayed by later code. The other values
 * are for the test kit, to claim and do one piece of work at a time; they may change in any version.
 */
export { announce } from './calls/work/announce.ts';
export { claimWork } from './calls/work/claim-sql.ts';
export { inputSql } from './calls/work/row-sql.ts';
export { declareCalls } from './calls/work/worker-sql.ts';
export { resolveOptions } from './calls/worker/options.ts';
export { processWork } from './calls/worker/process-work.ts';

export type { ClaimedWork } from './calls/work/work.ts';
export { type RecordedDecision, recordHistory, replayHistory, type SagaHistory } from './verify/history.ts';
