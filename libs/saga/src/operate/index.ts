/** Exports for operators: reads and acts, by what they concern, for the CLI and the console. */
export {
  countFailedCalls,
  type LateCalls,
  type OverdueEntry,
  readLateCalls,
  readOverdueJournal,
  readUnclaimedWork,
  type WaitingCalls,
} from '../calls/operate/waits-sql.ts';
export { actOnWork, listWork, readWork, type WorkDetail } from '../calls/operate/work-sql.ts';
export { type Outcome, WORK_STATES, type WorkState } from '../calls/work/work.ts';
export {
  type InstanceDetail,
  type InstanceView,
  listInstances,
  readInstance,
} from '../observe/instance-sql.ts';
export { INSTANCE_STATES, type InstanceState } from '../observe/judge.ts';
export {
  countInstances,
  type InstanceSearch,
  type ListedInstance,
  pageInstances,
} from '../observe/page-sql.ts';
export { type LateInstances, readLateInstances } from '../observe/watch-sql.ts';
export { verifyJournals } from '../verify/verify-journals.ts';
export { WORKFLOW_STATES } from '../workflow/entry.ts';
export {
  resolveWorkflow,
  retryWorkflow,
  type StatedResult,
  stuckStepOf,
} from '../workflow/operate/act-on-workflow.ts';
export { inspectWorkflow } from '../workflow/verify.ts';
export { listWorkflows, readWorkflow, type WorkflowRecord } from '../workflow/workflow-sql.ts';
export { resolveStep, retryStep, type SeenStep, waitingStep } from './act-on-step.ts';
export { type EventWork, readEventWork } from './event-work-sql.ts';
export { countOpenSteps, findOpenInstances, findWaitingSteps, type WaitingStep } from './open-steps-sql.ts';
export { readPauses, readPauseTarget, type SagaPause } from './pause-sql.ts';
export { heldText, pauseSaga, resumeSaga } from './pause.ts';
export {
  type FenceView,
  type JournalRow,
  readSagaRecords,
  type SagaRecords,
  type StepWorkView,
} from './records-sql.ts';

export type { CheckedJournals, Finding } from '../calls/journal/check-journal.ts';
export type { StatedOutcome } from './stated-outcome.ts';
