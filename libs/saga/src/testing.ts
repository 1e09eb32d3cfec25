/**
 * Exports for tests of a service: histories of its sagas, recorded once and replayed by later code. The other values
 * are for the test kit, to claim and do one piece of work at a time; they may change in any version.
 */
import { announce } from './effects/work/announce.ts';
import { claimWork } from './effects/work/claim-sql.ts';
import { inputSql } from './effects/work/input-sql.ts';
import { declareEffects } from './effects/work/worker-sql.ts';
import { resolveOptions } from './effects/worker/options.ts';
import { processWork } from './effects/worker/process-work.ts';

export type { ClaimedWork } from './effects/work/work.ts';
export { type RecordedDecision, recordHistory, replayHistory, type SagaHistory } from './verify/history.ts';

/** Parts of the saga worker, to claim and do one piece of work at a time. */
export const workParts = {
  resolveOptions,
  declareEffects,
  announce,
  claim: claimWork,
  inputSql,
  process: processWork,
} as const;
