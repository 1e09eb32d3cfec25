/**
 * Sagas as data: who does what after what, and what puts it right. Guarantees:
 * - what cannot be undone does not compile, or throws SAGA_INVALID at import, with the step and the fix;
 * - a declaration is plain frozen data; the references to its steps carry the types of their events;
 * - `checkGraph` shows that every failure reaches every step that may have been applied.
 * Light: it brings event contracts and errors, no database and no broker.
 */
export type {
  AfterPivot,
  BeforePivot,
  CompensatableOptions,
  PivotOptions,
  RetriableOptions,
  SagaAfterPivot,
  SagaBeforePivot,
  WithoutUndoOptions,
} from './chain.ts';
export { checkGraph, type Listener } from './check-graph.ts';
export {
  canBeUndone,
  type DataOf,
  lastStop,
  type MadeOf,
  type ReceivedOf,
  type SagaDeclaration,
  type Stage,
  STEP_KINDS,
  type StepDeclaration,
  type StepKind,
  type StepRef,
  stepsOf,
} from './declaration.ts';
export { drawSaga } from './draw.ts';
export { RESERVED_NAMES, type ReservedName } from './names.ts';
export { saga, type SagaOptions } from './saga.ts';
export { starts } from './starts.ts';
export { type Trigger, triggersOf } from './triggers.ts';
