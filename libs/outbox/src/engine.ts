/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { type AppendContext, type AppendEvent } from './event-row.ts';
export { createEngineOutbox, type EngineOutbox } from './outbox.ts';
export { OUTBOX_CHANNEL } from './insert.ts';
export { nameSource, readSource, type Source } from './tables.ts';
export { ensureChildren, listChildren, type OutboxChild } from './children.ts';
export { type DetachOptions, removeChildren, type RemovedChildren } from './detach.ts';
export {
  limitTopic,
  type LimitSettings,
  measureOutbox,
  nameRefusal,
  type OutboxLimit,
  readLimit,
  secondsToFull,
} from './limit.ts';
export { oldRequests } from './request-key.ts';
export { readTail, type Tail, type TailEvent, type TailFilter } from './tail-sql.ts';
