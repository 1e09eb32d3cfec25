/**
 * Steps of declared sagas: each service runs its own, without a coordinator. Guarantees:
 * - each step is decided at one fence row, whatever the order in which its events arrive, and its journal says why;
 * - a step is compensated when its successor failed without effect or was undone, once, in strict reverse order;
 * - a step that cannot proceed by itself is stuck with its reason, and waits for an operator.
 */
export { SagaError, type SagaErrorCode } from './errors.ts';
export { type Marked, type OnPending, semanticLock, type SemanticLock } from './lock/semantic-lock.ts';
export { sagaObserver, type SagaObserverOptions } from './observe/observer.ts';
export { type SagaWatch, sagaWatch } from './observe/watch.ts';
export { effectsOf } from './step/effects.ts';
export { step } from './step/step.ts';
export type { BegunStep, Noop, StepContext, Undo, UndoContext } from './step/types.ts';
