/** Parked events: what an operator sees of them, and does. */
export { edit, replace } from './change.ts';
export { contradictions } from './compensations.ts';
export { type Filter, filter, wantedOf } from './filter.ts';
export { groups, HOLDING, list } from './lists.ts';
export { requireParked } from './named.ts';
export { retry } from './retry.ts';
export { skip } from './skip.ts';
