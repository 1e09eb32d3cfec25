import type { DomainEvent, FailureData, ReceivedEvent } from '@convergekit/contracts';
import type { Certainty } from '@convergekit/core';
import type { Logger } from '@convergekit/telemetry';
import type { Compilable, CompiledQuery, Transaction } from 'kysely';

/**
 * Where a consumer begins with a topic that it has never read: `beginning` = the whole log, and a missing first event
 * is a gap; `earliest` = whatever the log still holds; `now` = what comes after its registration.
 */
export type Start = 'beginning' | 'earliest' | 'now';

/** One start for all topics, or one per topic, `'*'` standing for those not named. */
export type From = Start | Readonly<Record<string, Start>>;

/** What becomes of a partition where an event is missing. */
export type OnGap = 'halt' | 'continue';

/** What becomes of an event whose type has no handler. */
export type UnknownTypes = 'skip' | 'refuse';

/** What every handler gets. Nothing of it may be used after the handler has ended. */
export interface HandlerContext<DB> {
  /** The slice's own transaction. Effects written through it happen exactly once. */
  readonly tx: Transaction<DB>;
  /**
   * Runs a statement of `tx` whose answer is not needed: `write(tx.insertInto('line').values(…))`. It is sent at once
   * and nobody waits, so that many small handlers do not cost a round trip each. Statements run in the order in which
   * they were given, before every later one of `tx`; when one fails, its handler has failed.
   */
  readonly write: (query: Compilable | CompiledQuery) => void;
  readonly consumer: string;
  readonly handler: string;
  /** Aborts after the `attemptTimeoutMs` of the handler's policy, or when the partition went to another member. */
  readonly signal: AbortSignal;
  /** When the signal will abort, or the event's own deadline if that is sooner. */
  readonly deadline: Date;
  /** The same for every attempt and replay of this handler on this event: give it to other systems. */
  readonly idempotencyKey: string;
  readonly log: Logger;
}

export interface EventContext<DB, Data> extends HandlerContext<DB> {
  readonly event: ReceivedEvent<Data>;
  /** Writes an event with the slice's transaction, with id, causation, correlation, hops and trace filled in. */
  readonly emit: (event: DomainEvent) => void;
}

export interface BatchContext<DB, Data> extends HandlerContext<DB> {
  readonly events: readonly ReceivedEvent<Data>[];
  /** As for one event; `answers` is the event of this batch that caused it. */
  readonly emit: (event: DomainEvent, answers: ReceivedEvent) => void;
}

/** A failure event of another consumer, with the failed event's data parsed by its definition. */
export interface FailedEvent<Data> extends Omit<FailureData, 'event'> {
  readonly event: FailureData['event'] & { readonly data: Data };
}

export interface FailureContext<DB> extends HandlerContext<DB> {
  /** The failure event itself. */
  readonly event: ReceivedEvent<FailureData>;
  readonly emit: (event: DomainEvent) => void;
}

export type Handler<DB, Data> = (
  event: ReceivedEvent<Data>,
  context: EventContext<DB, Data>,
) => Promise<void> | void;
export type BatchHandler<DB, Data> = (
  events: readonly ReceivedEvent<Data>[],
  context: BatchContext<DB, Data>,
) => Promise<void> | void;
export type FailureHandler<DB, Data> = (
  failure: FailedEvent<Data>,
  context: FailureContext<DB>,
) => Promise<void> | void;

export interface HandlerOptions {
  /** Part of the ids of what the handler emits: keep it when the code moves. @default the event's type */
  readonly name?: string;
}

/**
 * Asks for the current truth of an event's key, in the place of data that cannot be used: the answer is validated by the
 * event's definition and handled. `undefined`: there is none. What it throws counts as the failure: an outage is waited for.
 */
export type Refetch = (
  event: { readonly id: string; readonly type: string; readonly key: string; readonly payload: string },
  context: { readonly signal: AbortSignal; readonly log: Logger },
) => Promise<unknown>;

/** Of handlers of events. */
export interface EventOptions extends HandlerOptions {
  /** What to do about bad data before the event is given up, outside any transaction. @default nothing */
  readonly refetch?: Refetch;
}

export interface FailureOptions extends HandlerOptions {
  /** The consumer whose failures these are; its topic is `<of>.failures`. */
  readonly of: string;
  /**
   * `known`: only failures of which it is certain whether the event took effect. `any`: also those where nobody knows,
   * so the handler must cope with both. @default 'known'
   */
  readonly certainty?: 'known' | 'any';
}

/** Certainties that reach a failure handler that did not ask for `any`. */
export const KNOWN: readonly Certainty[] = ['not_applied', 'applied'];
