/**
 * Steps of declared sagas: each service runs its own, and no coordinator. Guarantees:
 * - each step is decided at one fence row, whatever the order in which its events arrive, and its journal says why;
 * - a step is compensated when its successor failed without effect or was undone, once, in strict reverse order;
 * - a step that cannot go on by itself is stuck with its reason, and waits for an operator.
 */
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
export {
  type FenceView,
  type JournalRow,
  readChapter,
  type SagaChapter,
  type StepWorkView,
} from './narrative/chapter-sql.ts';
export type { Fact, Facts } from './observe/facts.ts';
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
export { effectsOf } from './step/effects.ts';
export { step } from './step/step.ts';
export { type RecordedDecision, recordHistory, replayHistory, type SagaHistory } from './verify/history.ts';
export { findOrphans, type Orphan } from './verify/orphans-sql.ts';
export { type Flaw, verifyJournal } from './verify/verify-journal.ts';
