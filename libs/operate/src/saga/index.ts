/** Sagas and their steps: what an operator does with them, and how they are searched. */
export { pause } from './pause.ts';
export { resolve } from './resolve.ts';
export { resume } from './resume.ts';
export { retry } from './retry.ts';
export { OPEN_STATES, openInstancesIn, type SagaFilter, STATE_CHOICES, statesOf, whereOf } from './search.ts';
export { unknownInstance } from './targets.ts';
