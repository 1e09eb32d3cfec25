/** Calls to other systems: what an operator does with them. */
export { resolve } from './resolve.ts';
export { retry } from './retry.ts';
