import type { DomainEvent, Envelope, FailedStep, ReceivedEvent } from '@convergekit/contracts';
import type { Logger } from '@convergekit/telemetry';
import type { AttemptPhase, Attempt } from '../attempt/attempt.ts';
import type { HandlerContext } from './types.ts';
import type { Failure } from '@convergekit/core';

/** What a part of the kit says of an event that it emits, beyond what follows from the event that it answers. */
export interface EmitAs {
  /** Of a fact that must carry the same id whatever event brought it about. @default a function of event, handler and index */
  readonly id?: string;
  /** The saga that it belongs to, as `name/version/instance`. */
  readonly saga?: string;
  /** The attempt that caused it, where the event that it answers does not say. */
  readonly attemptId?: string;
}

/** What the slice hands to a subscription: the context with an emit that always names the event it answers. */
export interface CallContext<DB> extends HandlerContext<DB> {
  readonly emit: (event: DomainEvent, answers: ReceivedEvent, as?: EmitAs) => void;
}

/** The transaction that gives an event up. */
export interface GiveUpContext<DB> extends Pick<
  CallContext<DB>,
  'tx' | 'emit' | 'consumer' | 'handler' | 'log'
> {
  /** Of the failure event, if one goes out. */
  readonly failureEventId: string;
  /** The last attempt. */
  readonly attemptId: string | undefined;
}

/** What became of an envelope at its subscription, before any handler ran. */
export type Routed =
  | { readonly kind: 'handle'; readonly event: ReceivedEvent }
  /** Not for this handler; `of` is the type that failed, for failure events. */
  | { readonly kind: 'skip'; readonly why: 'unknown_type'; readonly of: string }
  | { readonly kind: 'skip'; readonly why: 'uncertain' }
  /** Of this type, but of a story in which this handler has no part; `sagaRef` is that one's name, where it has one. */
  | { readonly kind: 'skip'; readonly why: 'elsewhere'; readonly sagaRef: string | undefined };

/**
 * One handler of a consumer with its types erased. `route` parses (it throws a ContractError on bad data), `call` runs
 * the handler on events that its own `route` made; only `defineConsumer` makes these, which keeps the two together.
 */
export interface Subscription<DB> {
  readonly kind: 'each' | 'batch' | 'failure';
  readonly topic: string;
  readonly type: string;
  /** Set for failures: the type of the failed event. */
  readonly failedType?: string;
  readonly handler: string;
  /** Handled although its key is parked: its own fence makes the order irrelevant (triggers of compensation, deadlines). */
  readonly bypassParked?: boolean;
  /**
   * The stories that it has a part in: with one of another name an event is as one of an unknown type, which waits when a newer
   * version of this consumer has a part in it. @default all
   */
  readonly sagaRefs?: readonly string[];
  /** What its attempts are recorded as. @default by `kind` */
  readonly phase?: AttemptPhase;
  /** The step of a saga that an event is handled for: its failure event says so. */
  readonly memberOf?: (event: ReceivedEvent) => FailedStep | undefined;
  /**
   * Has its say when an event is given up, in that transaction: `resolved` = it was dealt with otherwise, so nothing is parked
   * or told. Must run nothing of the user's own, since what it throws stops the consumer. @default ordinary
   */
  readonly onGiveUp?: (
    event: ReceivedEvent,
    why: GiveUp,
    context: GiveUpContext<DB>,
  ) => Promise<GiveUpDecision>;
  /** The event with the current truth as its data; undefined when there is none. Throws what asking or parsing throws. */
  readonly refetch?: (
    envelope: Envelope,
    context: { readonly signal: AbortSignal; readonly log: Logger },
  ) => Promise<ReceivedEvent | undefined>;
  route(envelope: Envelope): Routed;
  call(events: readonly ReceivedEvent[], context: CallContext<DB>): Promise<void>;
}

/** Why an event that reached its handler does not take effect now. */
export interface GiveUp {
  readonly as: 'park' | 'dead' | 'reject';
  readonly failure: Failure;
  readonly attempts: readonly Attempt[];
  /** What its subscription says of that. @default ordinary */
  readonly decision?: GiveUpDecision;
}

/**
 * How the subscription of an event that is given up deals with it. `resolved`: it has done what is to be done, so nothing is
 * parked or told · `closed`: its dead letter lets the key go on, and must not be tried again, since others act on its failure
 */
export type GiveUpDecision =
  | { readonly kind: 'ordinary' }
  | { readonly kind: 'resolved' }
  | { readonly kind: 'closed'; readonly because: string };
