/**
 * Several effects in one service, undone in reverse. Guarantees:
 * - intent, result and planned undo of each step are in a journal, in Postgres, before the next step begins;
 * - a failure, a crash or a lost lease undoes the steps in reverse order, on any node that runs the worker;
 * - an outcome that is unknown is checked before anything is repeated or undone;
 * - what cannot be undone waits for an operator, with its reason; `verifyStack` replays the journal against the row.
 */
export {
  defineStack,
  type InputOf,
  type ResultOf,
  type Stack,
  type StackOptions,
  type StackRecovery,
  type Unit,
} from './define-stack.ts';
export { STACK_STATES, type StackState, type StackStuckReason, type UndoOutcome } from './entry.ts';
export { StackError, type StackErrorCode, StepFailed } from './errors.ts';
export { localStep } from './local-step.ts';
export { listStacks, readStack, type StackFilter, type StackView } from './operate-sql.ts';
export { forgetStep, type Resolution, resolveStack, retryStack } from './operate.ts';
export type { StacksOptions } from './options.ts';
export type { PlannedMove } from './plan.ts';
export { compensationStacks, type CompensationStacks } from './stacks.ts';
export type { LocalContext, LocalStep, LocalStepOptions, WorkflowStep } from './step.ts';
export { verifyStacks } from './verify-all.ts';
export { type StackRecord, type StackVerdict, verifyStack } from './verify.ts';
