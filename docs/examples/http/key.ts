import { classify } from 'convergekit';
import { httpAnswer, readDeadline } from 'convergekit/http';

/** True for a value of `Idempotency-Key` that can be a request key: 1 to 200 visible ASCII characters. */
export const isRequestKey = (key: unknown): key is string =>
  typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key);

/** The answer to an error: 422 for a key of another request, 503 with `Retry-After` while the database takes no more. */
export const answerOf = (error: unknown) => {
  if (error instanceof Error && 'code' in error && error.code === 'REQUEST_KEY_REUSED')
    return { status: 422, headers: {} } as const;
  const { status, headers } = httpAnswer(classify(error));
  return status === 503 ? ({ status, headers } as const) : ({ status: 500, headers: {} } as const);
};

/** The deadline of a request that has passed: its caller does not wait any more. `now`: milliseconds. */
export const isLate = (header: string | undefined, now = Date.now()): boolean =>
  (readDeadline(header)?.getTime() ?? Infinity) <= now;
