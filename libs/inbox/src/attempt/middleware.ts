import type { ReceivedEvent } from '@convergekit/contracts';
import type { CallContext, Subscription } from '../define/subscription.ts';
import type { Clock } from '@convergekit/core';
import { attributeNames, recordDuration } from '@convergekit/telemetry/engine';
import { InboxError } from '../errors.ts';

/** A call of a handler, as the middleware sees it. */
export interface HandlerRun<DB> {
  /** The name of the consumer. */
  readonly consumer: string;
  /** The handler: its kind, topic, event type and name. */
  readonly subscription: Subscription<DB>;
  /** The events of the call: one, or those of a batch. */
  readonly events: readonly ReceivedEvent[];
  /** The context that the handler gets. */
  readonly context: CallContext<DB>;
  /** The number of the attempt, from 1, for an event processed alone; undefined in a whole slice. */
  readonly attempt: number | undefined;
}

/**
 * Wraps every call of a handler: do something, `await next(call)`, do something. It may pass a changed call on. It must
 * rethrow errors (or throw its own): a swallowed error would commit half of a handler.
 */
export type Middleware<DB = unknown> = (
  call: HandlerRun<DB>,
  next: (call: HandlerRun<DB>) => Promise<void>,
) => Promise<void>;

/** Composes middleware; the first of the list is the outermost. */
export function compose<DB>(
  middleware: readonly Middleware<DB>[],
  innermost: (call: HandlerRun<DB>) => Promise<void>,
): (call: HandlerRun<DB>) => Promise<void> {
  return middleware.reduceRight<(call: HandlerRun<DB>) => Promise<void>>(
    (next, wrap) => (call) => wrap(call, next),
    innermost,
  );
}

/** Records the duration of each call, by consumer, handler, outcome and attempt. */
export function measure<DB>(clock: Clock): Middleware<DB> {
  return async (call, next) => {
    const started = clock.monotonic();
    let failed = true;
    try {
      await next(call);
      failed = false;
    } finally {
      recordDuration({
        labels: {
          [attributeNames.consumer]: call.consumer,
          [attributeNames.handler]: call.subscription.handler,
        },
        durationMs: clock.monotonic() - started,
        number: call.attempt ?? 1,
        failed,
      });
    }
  };
}

export interface TimeLimit {
  /** Returns the time limit of a call that begins now: the `attemptTimeoutMs` of the handler's policy. */
  readonly limitMs: (handler: string) => number;
  /** Milliseconds for a handler to end after its signal aborted, before it is abandoned. */
  readonly graceMs: number;
  readonly clock: Clock;
}

/**
 * Aborts the handler's signal after its limit, and gives it a grace period to end. A handler that does not end is abandoned:
 * the slice is rolled back, and the outcome of its calls to other systems is unknown.
 */
export function timeLimit<DB>({ limitMs: limitOf, graceMs, clock }: TimeLimit): Middleware<DB> {
  return async (call, next) => {
    const { context, events, subscription } = call;
    const limitMs = limitOf(subscription.handler);
    const deadline = earlier(new Date(clock.now() + limitMs), events);
    const aborter = new AbortController();
    const lost = (): void => aborter.abort(context.signal.reason);
    const left = Promise.withResolvers<never>();
    // A single timer instead of AbortSignal.any: this code runs for every event.
    let timer = setTimeout(() => {
      const error = tooLong(subscription.handler, limitMs);
      aborter.abort(error);
      timer = setTimeout(() => left.reject(error), graceMs);
    }, limitMs);
    context.signal.addEventListener('abort', lost, { once: true });
    if (context.signal.aborted) lost();
    try {
      const signal = aborter.signal;
      await Promise.race([next({ ...call, context: { ...context, signal, deadline } }), left.promise]);
    } finally {
      clearTimeout(timer);
      context.signal.removeEventListener('abort', lost);
    }
  };
}

function earlier(own: Date, events: readonly { readonly deadline?: Date }[]): Date {
  return events.reduce(
    (least, { deadline }) => (deadline !== undefined && deadline < least ? deadline : least),
    own,
  );
}

function tooLong(handler: string, ms: number): InboxError {
  return new InboxError(
    'HANDLER_TIMEOUT',
    `handler ${handler} took longer than ${ms} ms and was stopped: request slow calls by context.call in place of making them in the handler, or raise attemptTimeoutMs of its policy`,
    { category: 'service', certainty: 'unknown' },
  );
}
