/**
 * Workflows: several effects in one service, undone in reverse. Guarantees:
 * - intent, result and planned undo of each step are in a journal, in Postgres, before the next step begins;
 * - a failure, a crash or a lost lease undoes the steps in reverse order, on any node that runs the worker;
 * - an outcome that is unknown is queried before a call is repeated or undone;
 * - what cannot be undone waits for an operator, with its reason; `converge workflow verify` replays the journal.
 */
export {
  defineWorkflow,
  type InputOf,
  type ResultOf,
  type Unit,
  type Workflow,
  type WorkflowRecovery,
} from './define-workflow.ts';
export { StepFailed, WorkflowError, type WorkflowErrorCode } from './errors.ts';
export { localStep } from './local-step.ts';
export type { LocalContext, LocalStep, WorkflowStep } from './step.ts';
export type { WorkflowsOptions } from './options.ts';
export { type Workflows, workflows } from './workflows.ts';
