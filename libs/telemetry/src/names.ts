import type { InstrumentDefinition } from './instrument-definition.ts';
import { attemptInstruments } from './instruments/attempts.ts';
import { inboxInstruments } from './instruments/inbox.ts';
import { outboxInstruments } from './instruments/outbox.ts';
import { reconcileInstruments } from './instruments/reconcile.ts';
import { relayInstruments } from './instruments/relay.ts';
import { sagaInstruments } from './instruments/sagas.ts';

export { attributeNames, SEMANTIC_CONVENTIONS, type Labels } from './attributes.ts';
export type { InstrumentDefinition };

/** The scope of all spans and instruments. Dashboards, alert rules and tests read the names here. */
export const SCOPE = 'converge';

/** All instruments. */
export const instrumentDefinitions = {
  ...outboxInstruments,
  ...relayInstruments,
  ...inboxInstruments,
  ...attemptInstruments,
  ...sagaInstruments,
  ...reconcileInstruments,
} as const satisfies Record<string, InstrumentDefinition>;

/** Span names, by the messaging conventions: the operation, then the destination. */
export const spanNames = {
  create: (topic: string) => `create ${topic}`,
  send: (topic: string) => `send ${topic}`,
  process: (topic: string) => `process ${topic}`,
  run: (call: string) => `run ${call}`,
  attempt: (operation: string) => `attempt ${operation}`,
  /** By the HTTP conventions: the method, then the route; the method alone where no route is known. */
  request: (method: string, route?: string) => (route === undefined ? method : `${method} ${route}`),
  reconcile: (reconciler: string) => `reconcile ${reconciler}`,
  digest: (reconciler: string) => `digest ${reconciler}`,
} as const;

/** Names of events within a span. */
export const spanEvents = { wait: 'converge.wait' } as const;
