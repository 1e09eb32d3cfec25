/** Exports for operators: reads and acts, by what they concern, for the CLI and the console. */
import {
  countFailedCalls,
  readBreakerWaits,
  readOverdueJournal,
  readUnclaimedWork,
} from '../effects/operate/waits-sql.ts';
import { actOnWork, listWork, readWork } from '../effects/operate/work-sql.ts';
import { WORK_STATES } from '../effects/work/work.ts';
import { listInstances, readInstance } from '../observe/instance-sql.ts';
import { INSTANCE_STATES } from '../observe/judge.ts';
import { countInstances, pageInstances } from '../observe/page-sql.ts';
import { verifyJournals } from '../verify/verify-journals.ts';
import { WORKFLOW_STATES } from '../workflow/entry.ts';
import { resolveWorkflow, retryWorkflow, stuckStepOf } from '../workflow/operate/act-on-workflow.ts';
import { inspectWorkflow } from '../workflow/verify.ts';
import { listWorkflows } from '../workflow/workflow-sql.ts';
import { resolveStep, retryStep, waitingStep } from './act-on-step.ts';
import { readEventWork } from './event-work-sql.ts';
import { countOpenSteps, findOpenInstances, findWaitingSteps } from './open-steps-sql.ts';
import { readPauses, readPauseTarget } from './pause-sql.ts';
import { heldText, pauseSaga, resumeSaga } from './pause.ts';
import { readSagaRecords } from './records-sql.ts';

export type { CheckedJournals, Finding } from '../effects/journal/check-journal.ts';
export type { OverdueEntry, WaitingCalls } from '../effects/operate/waits-sql.ts';
export type { WorkDetail } from '../effects/operate/work-sql.ts';
export type { Outcome, WorkState } from '../effects/work/work.ts';
export type { InstanceDetail, InstanceView } from '../observe/instance-sql.ts';
export type { InstanceState } from '../observe/judge.ts';
export type { InstanceSearch, ListedInstance } from '../observe/page-sql.ts';
export type { StatedResult } from '../workflow/operate/act-on-workflow.ts';
export type { SeenStep } from './act-on-step.ts';
export type { EventWork } from './event-work-sql.ts';
export type { WaitingStep } from './open-steps-sql.ts';
export type { SagaPause } from './pause-sql.ts';
export type { FenceView, JournalRow, SagaRecords, StepWorkView } from './records-sql.ts';
export type { StatedOutcome } from './stated-outcome.ts';

/** The instances of sagas: their states, their records, and whether their journals hold. */
export const sagaInstances = {
  states: INSTANCE_STATES,
  count: countInstances,
  list: listInstances,
  page: pageInstances,
  findOpen: findOpenInstances,
  read: readInstance,
  readRecords: readSagaRecords,
  verify: verifyJournals,
} as const;

/** The steps of sagas that wait for something, and what an operator does about them. */
export const sagaSteps = {
  countOpen: countOpenSteps,
  findWaiting: findWaitingSteps,
  readWaiting: waitingStep,
  resolve: resolveStep,
  retry: retryStep,
} as const;

/** The pauses of sagas. */
export const sagaPauses = {
  list: readPauses,
  readTarget: readPauseTarget,
  heldText,
  pause: pauseSaga,
  resume: resumeSaga,
} as const;

/** The calls to other systems, and the timers of sagas: what waits or failed, and acts on it. */
export const sagaWork = {
  states: WORK_STATES,
  list: listWork,
  read: readWork,
  readOfEvents: readEventWork,
  readOverdue: readOverdueJournal,
  readUnclaimed: readUnclaimedWork,
  readBehindBreakers: readBreakerWaits,
  countFailed: countFailedCalls,
  act: actOnWork,
} as const;

/** The workflows of a service. */
export const sagaWorkflows = {
  states: WORKFLOW_STATES,
  list: listWorkflows,
  inspect: inspectWorkflow,
  stuckStepOf,
  resolve: resolveWorkflow,
  retry: retryWorkflow,
} as const;
