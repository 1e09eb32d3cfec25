/**
 * Parts of the effects worker for the packages saga and workflow. Not for applications, and without a promise of stability:
 * - work of a saga's step: inserted, brought forward and withdrawn in the caller's transaction;
 * - one decision after an answer (`decide`), one way to call or query (`ask`), one claim loop;
 * - one journal: the check of its rows, its findings.
 */
export { type BoundCall, forEver, type PlannedCall, queryName } from './call/bind-call.ts';
export { decode, encode } from './call/stored.ts';
export type { CallIdempotency, PlannedUndo } from './call/types.ts';
export type {
  CallHandle,
  HookTools,
  LateWork,
  Reactions,
  Revived,
  SweepOptions,
  SweepRecords,
} from './effect/types.ts';
export { traceOf } from './effect/effect.ts';
export { notMigrated } from './errors.ts';
export {
  checkJournal,
  type CheckedJournals,
  type Finding,
  type JournalName,
} from './journal/check-journal.ts';
export { namesSql, type Run, runPages, type SagaTable } from './journal/runs-sql.ts';
export { type ActingOperator, actOnWork } from './operate/work-sql.ts';
export { admission } from './quota/admission.ts';
export { awaitedQuotaSql } from './quota/quota-sql.ts';
export { decide, type Next, nextOp, type Rules, stored } from './work/decide.ts';
export { inputSql } from './work/input-sql.ts';
export { insertStepWork, type StepWork } from './work/insert-sql.ts';
export { insertStepWorks, isRefusedWork } from './work/insert-all-sql.ts';
export { bringForward } from './work/bring-forward-sql.ts';
export type { JournalOp, SagaRef, StepKey, WorkOp } from './work/step-key.ts';
export { openTimersSql, withdrawTimersSql, withdrawnSql } from './work/withdraw-sql.ts';
export {
  type Cause,
  type ClaimedWork,
  EFFECT_STAYS,
  type EndedWork,
  type Op,
  type OpenState,
  type OperatorAct,
  type Outcome,
  resolvedBy,
  statedFailure,
  type StoredFailure,
  type StuckReason,
  type WorkAttempt,
  type WorkState,
} from './work/work.ts';
export { checkWorkers } from './work/worker-sql.ts';
export { recordAttempts } from './worker/record-attempts.ts';
export { type CallRun, runCall } from './worker/run-call.ts';
export { alertOverdueWorkflows } from './worker/overdue-workflows.ts';
export type { SagaWorkerOptions } from './worker/options.ts';
export { pausedStepSql } from './work/paused-sql.ts';
