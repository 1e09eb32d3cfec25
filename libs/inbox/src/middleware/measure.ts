import { type Clock, systemClock } from '@converge/runtime';
import { attributeNames, instruments } from '@converge/telemetry';
import type { Middleware } from './middleware.ts';

/** Records how long each call took, by consumer, handler and outcome. */
export function measure<DB>(clock: Clock = systemClock): Middleware<DB> {
  return async (call, next) => {
    const started = clock.monotonic();
    let outcome = 'failed';
    try {
      await next(call);
      outcome = 'ok';
    } finally {
      instruments().inboxProcessDuration.recordMs(clock.monotonic() - started, {
        [attributeNames.consumer]: call.consumer,
        [attributeNames.handler]: call.subscription.handler,
        [attributeNames.outcome]: outcome,
      });
    }
  };
}
