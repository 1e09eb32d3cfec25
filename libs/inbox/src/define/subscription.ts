import type { Gathered } from '../slice/gathered.ts';
import type { DomainEvent, ReceivedEvent } from '@convergekit/contracts';
import type { Envelope, FailedStep } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';
import type { AttemptPhase, Attempt } from '../attempt/attempt.ts';
import type { HandlerContext } from './types.ts';
import type { Failure } from '@convergekit/core';

/** Fields that a part of the kit sets on an emitted event, beyond the inherited ones. */
export interface EmitAs {
  /** The id of a fact that is independent of its cause. @default a function of event, handler and index */
  readonly id?: string;
  /** The saga that the event belongs to, as `name/version/instance`. */
  readonly saga?: string;
  /** The attempt that caused the event, where the answered event does not name one. */
  readonly attemptId?: string;
  readonly attemptTrace?: string;
}

/** The context that a slice passes to a subscription: its emit names the answered event. */
export interface CallContext<DB> extends HandlerContext<DB> {
  /** Emits an event with the slice's transaction; `answers` is the event that caused it. */
  readonly emit: (event: DomainEvent, answers: ReceivedEvent, as?: EmitAs) => void;
  /** What the calls of the slice write together. */
  readonly gathered: Gathered<DB>;
}

/** The context of giving up an event: its transaction and its failure event. */
export interface GiveUpContext<DB> extends Pick<
  CallContext<DB>,
  'tx' | 'emit' | 'consumer' | 'handler' | 'log'
> {
  /** The id of the failure event, if one is emitted. */
  readonly failureEventId: string;
  /** The last attempt; undefined when no handler was called. */
  readonly attemptId: string | undefined;
}

/** The result of routing an envelope to a subscription, before any handler runs. */
export type Routed =
  | { readonly kind: 'handle'; readonly event: ReceivedEvent }
  /** Skipped: no handler takes the type; `of` is the failed type, for failure events. */
  | { readonly kind: 'skip'; readonly why: 'unknown_type'; readonly of: string }
  | { readonly kind: 'skip'; readonly why: 'uncertain' }
  /** Skipped: the event is of a saga that this handler does not serve; `sagaRef` names the saga, if the event does. */
  | { readonly kind: 'skip'; readonly why: 'elsewhere'; readonly sagaRef: string | undefined };

/**
 * A handler of a consumer with its types erased. `route` parses (it throws a ContractError on bad data), and the other
 * functions get events that the same `route` made, with what it added to them; only `defineConsumer` and the parts of
 * consumers make these, which keeps the functions together.
 */
export interface Subscription<DB> {
  /** The kind of handler: of each event, of a batch, or of failure events. */
  readonly kind: 'each' | 'batch' | 'failure';
  /** The topic of the events. */
  readonly topic: string;
  /** The type of the events. */
  readonly type: string;
  /** Set for failures: the type of the failed event. Undefined otherwise. */
  readonly failedType?: string;
  /** The consumer whose failures these are. Undefined for other events. */
  readonly failuresOf?: string;
  /** The name of the handler in metrics and policies. */
  readonly handler: string;
  /**
   * The code that computes the key of its event, where the handler depends on the order of a key. Undefined where it
   * does not.
   */
  readonly keyedBy?: string;
  /** True when the event is handled although its key is parked: its own fence makes the order irrelevant. @default false */
  readonly bypassParked?: boolean;
  /** The sagas that the handler serves; an event of another counts as unknown. @default all */
  readonly sagaRefs?: readonly string[];
  /** The phase under which the attempts are recorded. @default by `kind` */
  readonly phase?: AttemptPhase;
  /** The saga step that handles an event; its failure event names it. Undefined outside of sagas. */
  memberOf?(event: ReceivedEvent): FailedStep | undefined;
  /** Decides, in its transaction, about an event that is given up. An error stops the consumer. @default ordinary */
  onGiveUp?(event: ReceivedEvent, why: GiveUp, context: GiveUpContext<DB>): Promise<GiveUpDecision>;
  /** Returns the event with current data; undefined when there is none. Throws what the query or the parse throws. */
  readonly refetch?: (
    envelope: Envelope,
    context: { readonly signal: AbortSignal; readonly log: Logger },
  ) => Promise<ReceivedEvent | undefined>;
  /** Decides whether the handler takes the event of an envelope. */
  route(envelope: Envelope): Routed;
  /** Calls the handler: with one event, or with a batch. */
  call(events: readonly ReceivedEvent[], context: CallContext<DB>): Promise<void>;
}

/** The reason why an event that reached its handler does not take effect now. */
export interface GiveUp {
  /** What becomes of the event: it waits for another attempt, for an operator, or is refused. */
  readonly as: 'park' | 'dead' | 'reject';
  /** The failure of the last attempt. */
  readonly failure: Failure;
  /** The attempts so far, the latest last. */
  readonly attempts: readonly Attempt[];
  /** The decision of the subscription. @default ordinary */
  readonly decision?: GiveUpDecision;
}

/**
 * The decision of a subscription about an event that is given up. `resolved`: it dealt with the event, so nothing is
 * parked and no failure event goes out · `closed`: the dead letter releases its key and must not be retried, since
 * others act on the failure
 */
export type GiveUpDecision =
  | { readonly kind: 'ordinary' }
  | { readonly kind: 'resolved' }
  | { readonly kind: 'closed'; readonly because: string };

/** A step of a saga inside a consumer. All parts of a consumer subscribe together: the first one is asked for all. */
export interface ConsumerPart<DB, Handled extends string = string> {
  /** The types of the events that it handles and may give up. */
  readonly handles: readonly Handled[];
  /** The subscriptions of all parts. Throws at import when they cannot share a consumer. */
  subscribe(parts: readonly ConsumerPart<DB>[], consumer: string): readonly Subscription<DB>[];
  /** Checks all parts once, before the consumer starts, in its database. Rejects to refuse the start. */
  check(parts: readonly ConsumerPart<DB>[], consumer: string, executor: Executor): Promise<void>;
}
