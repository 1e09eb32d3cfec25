import { BREAKER_OPEN } from './breaker-state.ts';
import type { Failure } from '@convergekit/core';

/** The response of an HTTP API to a failed dependency. */
export interface HttpAnswer {
  /** The status of the response. */
  readonly status: 202 | 400 | 409 | 422 | 429 | 500 | 503 | 504;
  /** The headers of the response, such as `retry-after`. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stable result code for clients. */
  readonly outcome: 'accepted' | 'rejected' | 'try_again' | 'unknown' | 'failed';
}

/** Refusals of request keys, as draft-ietf-httpapi-idempotency-key-header has them. */
const REQUEST_KEYS: ReadonlyMap<string, HttpAnswer['status']> = new Map([
  ['REQUEST_KEY_INVALID', 400],
  ['REQUEST_KEY_REUSED', 422],
]);

/**
 * Maps a failed dependency to an HTTP response.
 * `deferred`: the request was stored in the same transaction (an intent, an event) and will be processed: 202. Otherwise
 * 503 with `Retry-After` (1 s unless the failure says more) when nothing was done and a later attempt may work, 504 for an unknown outcome (repeat with the
 * same idempotency key), and 4xx for what the client must change.
 * @example
 * ```ts
 * import type { ServerResponse } from 'node:http';
 * import { classify } from 'convergekit';
 * import { httpAnswer } from 'convergekit/http';
 *
 * export function refuse(error: unknown, response: ServerResponse): void {
 *   const { status, headers, outcome } = httpAnswer(classify(error)); // 503 with Retry-After, 504, 422, …
 *   response.writeHead(status, headers).end(outcome);
 * }
 * ```
 */
export function httpAnswer(failure: Failure, { deferred = false } = {}): HttpAnswer {
  const { category, certainty, code, retryAfterMs } = failure;
  const later = retryAfterMs === undefined ? {} : { 'retry-after': `${Math.ceil(retryAfterMs / 1_000)}` };
  const refused = REQUEST_KEYS.get(code);
  if (refused !== undefined) return { status: refused, headers: {}, outcome: 'rejected' };
  if (category === 'business') return { status: 422, headers: {}, outcome: 'rejected' };
  if (deferred || certainty === 'applied') return { status: 202, headers: later, outcome: 'accepted' };
  // A client that does not know when to come again may come at once.
  const unavailable: HttpAnswer = {
    status: 503,
    headers: { 'retry-after': '1', ...later },
    outcome: 'try_again',
  };
  if (code === BREAKER_OPEN) return unavailable;
  if (certainty === 'unknown') return { status: 504, headers: later, outcome: 'unknown' };
  switch (category) {
    case 'throttle':
      return { status: 429, headers: later, outcome: 'try_again' };
    case 'network':
    case 'service':
      return unavailable;
    case 'contention':
      return { status: 409, headers: later, outcome: 'try_again' };
    case 'data':
    case 'configuration':
    case 'bug':
      return { status: 500, headers: {}, outcome: 'failed' };
    default:
      return category satisfies never;
  }
}
