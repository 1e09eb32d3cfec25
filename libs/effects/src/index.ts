/**
 * Calls to other systems, outside the slice. Guarantees:
 * - an intent exists if and only if the slice that requested it committed, once for each event, handler and index;
 * - an unknown outcome is queried before a call is repeated; a call that can be neither queried nor repeated
 *   waits for an operator, with its reason;
 * - the outcome and what follows from it (rows, events) are one transaction, and it commits once;
 * - a worker that lost its lease writes nothing, and sends nothing that it had not begun to send;
 * - a dependency that hangs holds up its own effects only; nothing is given up because of an outage.
 */
export { type Call, defineCall } from './call/define-call.ts';
export type { CallContext, Found, UndoAnswer, UndoCallContext, Undoing, UndoingCall } from './call/types.ts';
export { effect, type EffectContext } from './effect/effect.ts';
export type { Effect, EffectFailure, OutcomeContext } from './effect/types.ts';
export { EffectError, type EffectErrorCode } from './errors.ts';
export { takeQuota } from './quota/admission.ts';
export type { Quota } from './quota/quota.ts';
export { sagaMigrations } from './migrations.ts';
export { sagaWorker } from './worker/saga-worker.ts';
