import type { DomainEvent, Envelope, ReceivedEvent } from '@converge/contracts';
import type { Logger } from '@converge/telemetry';
import type { HandlerContext } from './types.ts';

/** What the slice hands to a subscription: the context with an emit that always names the event it answers. */
export interface CallContext<DB> extends HandlerContext<DB> {
  readonly emit: (event: DomainEvent, answers: ReceivedEvent) => void;
}

/** What became of an envelope at its subscription, before any handler ran. */
export type Routed =
  | { readonly kind: 'handle'; readonly event: ReceivedEvent }
  /** Not for this handler; `of` is the type that failed, for failure events. */
  | { readonly kind: 'skip'; readonly why: 'unknown_type'; readonly of: string }
  | { readonly kind: 'skip'; readonly why: 'uncertain' };

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
  readonly maxHandleMs?: number;
  /** Handled although its key is parked: its own fence makes the order irrelevant (triggers of compensation, deadlines). */
  readonly bypassParked?: boolean;
  /** The event with the current truth as its data; undefined when there is none. Throws what asking or parsing throws. */
  readonly refetch?: (
    envelope: Envelope,
    context: { readonly signal: AbortSignal; readonly log: Logger },
  ) => Promise<ReceivedEvent | undefined>;
  route(envelope: Envelope): Routed;
  call(events: readonly ReceivedEvent[], context: CallContext<DB>): Promise<void>;
}
