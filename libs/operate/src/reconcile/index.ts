/** Reconcilers: what an operator does with them. */
export { approve } from './approve.ts';
export { requireReconciler, tables } from './chosen.ts';
export { retry } from './retry.ts';
export { pause, resume, runNow } from './switch.ts';
