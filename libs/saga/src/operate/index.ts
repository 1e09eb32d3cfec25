/** Exports for operators: reads and acts, by what they concern, for the CLI and the console. */
export {
  countFailedCalls,
  readBreakerWaits,
  readOverdueJournal,
  readUnclaimedWork,
  type OverdueEntry,
  type WaitingCalls,
} from '../effects/operate/waits-sql.ts';
export { actOnWork, listWork, readWork, type WorkDetail } from '../effects/operate/work-sql.ts';
export { WORK_STATES, type Outcome, type WorkState } from '../effects/work/work.ts';
export {
  listInstances,
  readInstance,
  type InstanceDetail,
  type InstanceView,
} from '../observe/instance-sql.ts';
export { INSTANCE_STATES, type InstanceState } from '../observe/judge.ts';
export {
  countInstances,
  pageInstances,
  type InstanceSearch,
  type ListedInstance,
} from '../observe/page-sql.ts';
export { verifyJournals } from '../verify/verify-journals.ts';
export { WORKFLOW_STATES } from '../workflow/entry.ts';
export {
  resolveWorkflow,
  retryWorkflow,
  stuckStepOf,
  type StatedResult,
} from '../workflow/operate/act-on-workflow.ts';
export { inspectWorkflow } from '../workflow/verify.ts';
export { listWorkflows } from '../workflow/workflow-sql.ts';
export { resolveStep, retryStep, waitingStep, type SeenStep } from './act-on-step.ts';
export { readEventWork, type EventWork } from './event-work-sql.ts';
export { countOpenSteps, findOpenInstances, findWaitingSteps, type WaitingStep } from './open-steps-sql.ts';
export { readPauses, readPauseTarget, type SagaPause } from './pause-sql.ts';
export { heldText, pauseSaga, resumeSaga } from './pause.ts';
export {
  readSagaRecords,
  type FenceView,
  type JournalRow,
  type SagaRecords,
  type StepWorkView,
} from './records-sql.ts';

export type { CheckedJournals, Finding } from '../effects/journal/check-journal.ts';
export type { StatedOutcome } from './stated-outcome.ts';
