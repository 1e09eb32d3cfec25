import { type Clock, systemClock } from '@convergekit/core';
import { attributeNames, instruments, numberLabel } from '@convergekit/telemetry';
import type { Middleware } from './middleware.ts';

/** Records how long each call took, by consumer, handler, outcome and attempt. */
export function measure<DB>(clock: Clock = systemClock): Middleware<DB> {
  return async (call, next) => {
    const started = clock.monotonic();
    let outcome = 'failed';
    try {
      await next(call);
      outcome = 'ok';
    } finally {
      instruments().attemptDuration.recordMs(clock.monotonic() - started, {
        [attributeNames.consumer]: call.consumer,
        [attributeNames.handler]: call.subscription.handler,
        [attributeNames.outcome]: outcome,
        [attributeNames.attempt]: numberLabel(call.attempt ?? 1),
      });
    }
  };
}
