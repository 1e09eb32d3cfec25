/** Exports for operators: reads and actions of sagas, calls and workflows, for the CLI and the console. */
export { canBeUndone, stepsOf } from '../declare/declaration.ts';
export type { CheckedJournals, Finding } from '../effects/journal/check-journal.ts';
export {
  type BreakerWait,
  countFailedCalls,
  type OverdueEntry,
  readBreakerWaits,
  readOverdueJournal,
  readUnclaimedWork,
  type UnclaimedWork,
} from '../effects/operate/waits-sql.ts';
export {
  actOnWork,
  listWork,
  readWork,
  type WorkDetail,
  type WorkFilter,
  type WorkView,
} from '../effects/operate/work-sql.ts';
export { awaitedQuotaSql } from '../effects/quota/quota-sql.ts';
export { type Outcome, statedFailure, WORK_STATES, type WorkState } from '../effects/work/work.ts';
export { evidenceInOrder, type Fact, type Facts } from '../observe/facts.ts';
export {
  type InstanceDetail,
  type InstanceFilter,
  type InstanceView,
  listInstances,
  readInstance,
} from '../observe/instance-sql.ts';
export {
  countInstances,
  type InstanceCursor,
  type InstanceSearch,
  type ListedInstance,
  pageInstances,
} from '../observe/page-sql.ts';
export { INSTANCE_STATES, type InstanceState } from '../observe/judge.ts';
export { FENCE_STATES } from '../fence/fence.ts';
export { findOrphans } from '../verify/orphans-sql.ts';
export { verifyJournal, verifySagas } from '../verify/verify-journal.ts';
export { WORKFLOW_STATES, type WorkflowState } from '../workflow/entry.ts';
export {
  resolveWorkflow,
  retryWorkflow,
  type StatedResult,
  type StuckStep,
  stuckStepOf,
} from '../workflow/operate/act-on-workflow.ts';
export { verifyWorkflow, verifyWorkflows, type WorkflowVerdict } from '../workflow/verify.ts';
export {
  listWorkflows,
  readWorkflow,
  type WorkflowFilter,
  type WorkflowRecord,
  type WorkflowView,
} from '../workflow/workflow-sql.ts';
export {
  type ActedStep,
  type ActOptions,
  type ResolveOptions,
  resolveStep,
  retryStep,
  type SeenStep,
  waitingStep,
} from './act-on-step.ts';
export {
  type EndedStepWork,
  type FenceView,
  type JournalRow,
  readEndedWork,
  readSagaRecords,
  type SagaRecords,
  type StepWorkView,
} from './records-sql.ts';
export {
  countOpenSteps,
  findOpenInstances,
  findWaitingSteps,
  type OpenStepSearch,
  type StepCount,
  type WaitingStep,
} from './open-steps-sql.ts';
export { type NewPause, pauseSaga, type ResumedSaga, resumeSaga, type ResumeOptions } from './pause.ts';
export {
  knowsInstance,
  listSagasHere,
  MOST_COUNTED,
  MOST_PAUSES,
  type PauseTarget,
  readPause,
  readPauses,
  readPausesOf,
  type SagaPause,
} from './pause-sql.ts';
export type { StatedOutcome } from './stated-outcome.ts';
export type { OpenWork, StepAt } from './step-sql.ts';
