/**
 * Sagas as data: which step follows which, and how each is compensated. Guarantees:
 * - what cannot be undone does not compile, or throws SAGA_INVALID at import, with the step and the fix;
 * - a declaration is plain frozen data; the references to its steps carry the types of their events;
 * - `checkGraph` shows that every failure reaches every step that may have been applied.
 * It imports event contracts and errors, no database and no broker.
 */
export type { AfterPivot, BeforePivot, SagaAfterPivot, SagaBeforePivot } from './chain.ts';
export { checkGraph, type Listener } from './check-graph.ts';
export type { SagaDeclaration, StepDeclaration, StepKind, StepRef } from './declaration.ts';
export { drawSaga } from './draw.ts';
export { type ListedEvent, type ListedStep, listSteps } from './list-steps.ts';
export { defineSaga, type SagaOptions } from './saga.ts';
export { starts } from './starts.ts';
