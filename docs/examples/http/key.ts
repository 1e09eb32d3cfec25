import { readDeadline } from '@convergekit/resilience';

/** True for a value of `Idempotency-Key` that can be a request key: 1 to 200 visible ASCII characters. */
export const isRequestKey = (key: unknown): key is string =>
  typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key);

/** The status of an error: 422 for a key that was used for another request. */
export const statusOf = (error: unknown): 422 | 500 =>
  error instanceof Error && 'code' in error && error.code === 'REQUEST_KEY_REUSED' ? 422 : 500;

/** The deadline of a request that has passed: its caller does not wait any more. `now`: milliseconds. */
export const isLate = (header: string | undefined, now = Date.now()): boolean =>
  (readDeadline(header)?.getTime() ?? Infinity) <= now;
