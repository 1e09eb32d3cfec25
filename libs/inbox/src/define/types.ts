import type { DomainEvent, ReceivedEvent } from '@convergekit/contracts';
import type { FailureData } from '@convergekit/contracts/engine';
import type { Certainty } from '@convergekit/core';
import type { TransactionClient } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';
import type { Compilable, CompiledQuery, Transaction } from 'kysely';
import type { RequestCall } from './request-call.ts';

/**
 * The start of a consumer in a topic that it has never read.
 * `first` = the first event ever: where the log has lost it, that is a gap; `earliest` = what the log still holds;
 * `latest` = the first record after the consumer's registration.
 */
export type Start = 'first' | 'earliest' | 'latest';

/** A start for all topics, or one per topic, with `'*'` for all others. */
export type From = Start | Readonly<Record<string, Start>>;

/** The reaction of a partition to a missing event. */
export type OnGap = 'halt' | 'continue';

/** The context of every handler. It must not be used after the handler has ended. */
export interface HandlerContext<DB> {
  /** The transaction of the slice. Effects written through it happen exactly once. */
  readonly tx: Transaction<DB>;
  /**
   * Sends a statement of `tx` whose answer is not needed: `write(tx.insertInto('line').values(…))`. It is pipelined, so that
   * many small handlers do not cost a round trip each. Statements run in the given order, before every later one of `tx`;
   * when one fails, its handler has failed.
   */
  readonly write: (query: Compilable | CompiledQuery) => void;
  /**
   * Returns pg's client of the slice, for an ORM: `drizzle(await pgClient())`. What it writes commits with `tx`, and its
   * statements run in the order in which they are sent. BEGIN, COMMIT and ROLLBACK are refused. Savepoints of the call are
   * allowed: events that were emitted in one are forgotten when it is undone.
   */
  readonly pgClient: () => Promise<TransactionClient>;
  /** The name of the consumer. */
  readonly consumer: string;
  /** The name of the handler, as metrics and policies have it. */
  readonly handler: string;
  /** Aborts after the `attemptTimeoutMs` of the handler's policy, or when the partition is reassigned. */
  readonly signal: AbortSignal;
  /** The time when the signal aborts, or the event's own deadline if sooner. */
  readonly deadline: Date;
  /** The key of this handler and event, equal for every attempt and replay: pass it to other systems. */
  readonly idempotencyKey: string;
  /** A log whose lines have the ids of the event and the trace. */
  readonly log: Logger;
}

/** `Calls`: the names of the calls that the consumer declares. */
export interface EventContext<DB, Data, Calls extends string = never> extends HandlerContext<DB> {
  /** The event, with its data parsed. */
  readonly event: ReceivedEvent<Data>;
  /** Emits an event in the slice's transaction. Id, causation, correlation, hops and trace are filled in. */
  readonly emit: (event: DomainEvent) => void;
  /**
   * Requests a call to another system in the slice's transaction: a worker makes it after the commit. Returns the id of the
   * request, which derives from event and handler: however often the event is handled, the first request counts.
   */
  readonly call: RequestCall<DB, Calls>;
}

export interface BatchContext<DB, Data, Calls extends string = never> extends HandlerContext<DB> {
  /** The events of the batch, in the order of their partitions. */
  readonly events: readonly ReceivedEvent<Data>[];
  /** Emits an event; `answers` is the event of this batch that caused it. */
  readonly emit: (event: DomainEvent, answers: ReceivedEvent) => void;
  /** Requests a call; `answers` is the event of this batch that requests it. */
  readonly call: RequestCall<DB, Calls, [answers: ReceivedEvent]>;
}

/**
 * A failure event of another consumer, with the failed event's data parsed by its definition. Events whose data cannot be
 * parsed do not reach the handler: their failure event becomes a dead letter (FAILED_EVENT_UNREADABLE).
 */
export interface FailedEvent<Data> extends Omit<FailureData, 'event'> {
  /** The failed event, with its data parsed by the given definition. */
  readonly event: FailureData['event'] & { readonly data: Data };
}

export interface FailureContext<DB, Calls extends string = never> extends HandlerContext<DB> {
  /** The failure event itself. */
  readonly event: ReceivedEvent<FailureData>;
  /** Emits an event in the slice's transaction, as an answer to the failure event. */
  readonly emit: (event: DomainEvent) => void;
  /** Requests a call to another system in the slice's transaction, as other handlers do. */
  readonly call: RequestCall<DB, Calls>;
}

export type Handler<DB, Data, Calls extends string = never> = (
  event: ReceivedEvent<Data>,
  context: EventContext<DB, Data, Calls>,
) => Promise<void> | void;
export type BatchHandler<DB, Data, Calls extends string = never> = (
  events: readonly ReceivedEvent<Data>[],
  context: BatchContext<DB, Data, Calls>,
) => Promise<void> | void;
export type FailureHandler<DB, Data, Calls extends string = never> = (
  failure: FailedEvent<Data>,
  context: FailureContext<DB, Calls>,
) => Promise<void> | void;

export interface HandlerOptions {
  /** The name in the ids of emitted events: keep it when the code moves. @default the event's type */
  readonly name?: string;
}

/**
 * Reads current data for an event's key, to replace unusable data. The result is validated by the event's definition
 * and handled. `undefined`: there is none. An error counts as the failure of the event: an outage is waited for.
 */
export type Refetch = (
  event: { readonly id: string; readonly type: string; readonly key: string; readonly payload: string },
  context: { readonly signal: AbortSignal; readonly log: Logger },
) => Promise<unknown>;

export interface EventOptions extends HandlerOptions {
  /** Replaces bad data before the event is given up, outside any transaction. @default none */
  readonly refetch?: Refetch;
}

export interface FailureOptions extends HandlerOptions {
  /**
   * `any`: every dead letter and rejection; look at `failure.certainty` where `unknown` makes a difference.
   * `known`: only failures of which it is certain whether the event took effect. @default 'any'
   */
  readonly certainty?: 'any' | 'known';
}

/** The certainties that reach a failure handler with `known`. */
export const KNOWN: readonly Certainty[] = ['not_applied', 'applied'];
