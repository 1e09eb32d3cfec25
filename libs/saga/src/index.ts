/**
 * Sagas over several services, external calls, and workflows of one service: one engine over one schema. Guarantees:
 * - a step is decided at one fence row, whatever the order in which its events arrive, and its journal says why;
 * - a step is compensated when its successor failed without effect or was undone, once, in strict reverse order;
 * - a call is made if and only if the slice that requested it committed, after that commit; its outcome and what
 *   follows from it (rows, events) are one transaction, which commits once;
 * - an unknown outcome is queried before a call is repeated or undone; a worker that lost its lease writes nothing;
 * - steps of a workflow are in a journal before the next begins; any node that runs its worker continues or undoes it;
 * - a dependency that hangs holds up its own calls only; nothing is given up because of an outage;
 * - what cannot proceed by itself is stuck with its reason, and waits for an operator.
 */
export { type Call, defineCall } from './calls/declare/define-call.ts';
export type {
  CallContext,
  Found,
  CompensationAnswer,
  CompensationContext,
  Undoing,
  Compensation,
} from './calls/declare/types.ts';
export type { WorkerCall, CallFailure, OutcomeContext } from './calls/work/worker-call.ts';
export { takeQuota } from './calls/quota/admission.ts';
export type { Quota } from './calls/quota/quota.ts';
export type { SagaWorkerOptions } from './calls/worker/options.ts';
export { sagaWorker } from './saga-worker.ts';
export type { SagaErrorCode } from './errors.ts';
export { type Marked, type OnPending, semanticLock, type SemanticLock } from './lock/semantic-lock.ts';
export { sagaMigrations } from './migrations.ts';
export { sagaObserver, type SagaObserverOptions } from './observe/observer.ts';
export { sagaWatch } from './observe/watch.ts';
export { callsOf } from './step/calls/calls-of.ts';
export { step } from './step/step.ts';
export type { BegunStep, Noop, StepContext, Undo, UndoContext } from './step/types.ts';
export {
  defineWorkflow,
  type InputOf,
  type ResultOf,
  type Unit,
  type Workflow,
  type WorkflowRecovery,
} from './workflow/define-workflow.ts';
export type { WorkflowsOptions } from './workflow/options.ts';
export { type LocalContext, localStep, type WorkflowStep } from './workflow/step.ts';
export { type Workflows, workflows } from './workflow/workflows.ts';
