/**
 * Calls to other systems, outside the slice. Guarantees:
 * - an intent exists if and only if the slice that asked for it committed, once for each event, handler and index;
 * - an outcome that nobody knows is asked for before anything is repeated; what can be neither asked for nor repeated
 *   waits for a person, with its reason;
 * - the outcome and what follows from it (rows, events) are one transaction, and it commits once;
 * - a worker that lost its lease writes nothing, and sends nothing that it had not begun to send;
 * - a dependency that hangs holds up its own effects only; nothing is given up because of an outage.
 */
export { type DeclaredEffect, defineEffect, type Effect } from './effect/define-effect.ts';
export { effect, type EffectContext } from './effect/effect.ts';
export type {
  CallContext,
  EffectFailure,
  EffectIdempotency,
  EffectOptions,
  Found,
  Reactions,
  SettledContext,
} from './effect/types.ts';
export { SagaError, type SagaErrorCode } from './errors.ts';
export {
  decideFence,
  drawFence,
  FENCE_STATES,
  FENCE_TRIGGERS,
  type FenceAct,
  type FenceDecision,
  type FenceFrom,
  type FenceState,
  type FenceTrigger,
} from './fence/fence.ts';
export {
  type Marked,
  type OnPending,
  semanticLock,
  type SemanticLock,
  type SemanticLockOptions,
} from './lock/semantic-lock.ts';
export { effectsOf } from './step/effects.ts';
export { step } from './step/step.ts';
export { type Fact, type Facts } from './observe/facts.ts';
export {
  type InstanceDetail,
  type InstanceFilter,
  type InstanceView,
  listInstances,
  readInstance,
} from './observe/instance-sql.ts';
export { INSTANCE_STATES, type InstanceState } from './observe/judge.ts';
export { sagaObserver, type SagaObserverOptions } from './observe/observer.ts';
export { type SagaWatch, sagaWatch, type SagaWatchOptions } from './observe/watch.ts';
export {
  type FenceView,
  type JournalRow,
  readChapter,
  type SagaChapter,
  type StepWorkView,
} from './narrative/chapter-sql.ts';
export { findOrphans, type Orphan } from './verify/orphans-sql.ts';
export { recordHistory, type RecordedDecision, replayHistory, type SagaHistory } from './verify/history.ts';
export { type Flaw, verifyJournal } from './verify/verify-journal.ts';
export {
  type ActedStep,
  type ActOptions,
  type ResolveOptions,
  resolveStep,
  retryStep,
  type SeenStep,
  waitingStep,
} from './operate/act-on-step.ts';
export type { StepWord } from './operate/check-word.ts';
export type { OpenWork, StepAt } from './operate/step-sql.ts';
export { sagaMigrations } from './migrations.ts';
export {
  listWork,
  readWork,
  resolveWork,
  retryWork,
  type WorkDetail,
  type WorkFilter,
  type WorkView,
} from './operate/operate-sql.ts';
export { compensationStacks, type CompensationStacks } from './stack/stacks.ts';
export {
  defineStack,
  type IntentOf,
  type ResultOf,
  type Stack,
  type StackOptions,
  type StackRecovery,
  type Unit,
} from './stack/define-stack.ts';
export { STACK_STATES, type StackState, type StackStuckReason, type UndoOutcome } from './stack/entry.ts';
export { StackError, type StackErrorCode, StepFailed } from './stack/errors.ts';
export { stackStep } from './stack/foreign-step.ts';
export { localStep } from './stack/local-step.ts';
export { type ByWhom, forgetStep, type Resolution, resolveStack, retryStack } from './stack/operate.ts';
export { listStacks, readStack, type StackFilter, type StackView } from './stack/operate-sql.ts';
export type { StacksOptions } from './stack/options.ts';
export type { PlannedMove } from './stack/plan.ts';
export type {
  LocalContext,
  LocalStepOptions,
  StackStep,
  StackStepOptions,
  UndoAnswer,
  Undoing,
} from './stack/step.ts';
export { type StackRecord, type StackVerdict, verifyStack } from './stack/verify.ts';
export { verifyStacks } from './stack/verify-all.ts';
export { EFFECT_STAYS, type Outcome, WORK_STATES, type WorkState } from './work/work.ts';
export type { SagaWorkerOptions } from './worker/options.ts';
export { sagaWorker } from './worker/saga-worker.ts';
