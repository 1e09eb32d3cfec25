import { readDeadline } from '@convergekit/resilience';
import { requestSpan } from '@convergekit/telemetry';
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';

/** The answer to a request whose caller has given up already: nothing was done. */
const LATE = {
  code: 'DEADLINE_PASSED',
  message: 'the deadline of the request (header ce_deadline) had passed when it came, and nothing was done',
};

/**
 * Continues the trace of each request (header `traceparent`) in a server span, and answers 504 to one whose deadline
 * (header `ce_deadline`) has passed: its caller does not wait any more. `now` is in milliseconds of the wall clock.
 */
export function servedRequests(now: () => number): MiddlewareHandler {
  return async (context, next) => {
    const { req } = context;
    const request = requestSpan({ method: req.method, headers: req.header() });
    const deadline = readDeadline(req.header('ce_deadline'));
    try {
      if (deadline !== undefined && deadline.getTime() <= now())
        context.res = context.json({ error: LATE }, 504);
      else await request.run(next);
    } finally {
      const route = routePath(context, -1);
      request.end(context.res.status, route.endsWith('*') ? undefined : route);
    }
  };
}
