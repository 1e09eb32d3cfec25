import type { ReceivedEvent } from '@convergekit/contracts';
import type { CallContext, Subscription } from '../define/subscription.ts';

/** One call of a handler on its way through the middleware. */
export interface Call<DB> {
  readonly consumer: string;
  readonly subscription: Subscription<DB>;
  readonly events: readonly ReceivedEvent[];
  readonly context: CallContext<DB>;
  /** Its number, from 1, when the event is tried by itself; undefined when a slice is tried as a whole. */
  readonly attempt: number | undefined;
}

/**
 * Wraps every call of a handler: do something, `await next(call)`, do something. It may hand on a changed call, and it
 * must let errors pass (or throw its own): a swallowed error would commit half of a handler.
 */
export type Middleware<DB = unknown> = (
  call: Call<DB>,
  next: (call: Call<DB>) => Promise<void>,
) => Promise<void>;

/** The first of the list is the outermost. */
export function compose<DB>(
  middleware: readonly Middleware<DB>[],
  innermost: (call: Call<DB>) => Promise<void>,
): (call: Call<DB>) => Promise<void> {
  return middleware.reduceRight<(call: Call<DB>) => Promise<void>>(
    (next, wrap) => (call) => wrap(call, next),
    innermost,
  );
}
