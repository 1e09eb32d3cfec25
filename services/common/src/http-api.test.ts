import { ConvergeError } from '@convergekit/core';
import { expect, it } from 'vitest';
import { httpApi } from './http-api.ts';

const error = (detail: Omit<ConstructorParameters<typeof ConvergeError>[1], 'code'>): ConvergeError =>
  new ConvergeError('the secret reason', { code: 'X', ...detail });

// Planted fault: an API that answers 500 to everything fails in each line but the last.
it.each([
  ['an unreachable database', error({ category: 'network', certainty: 'not_applied' }), 503, 'TRY_AGAIN'],
  [
    'a commit of unknown outcome',
    error({ category: 'network', certainty: 'unknown' }),
    504,
    'OUTCOME_UNKNOWN',
  ],
  [
    'two requests that conflict',
    error({ category: 'contention', certainty: 'not_applied' }),
    409,
    'TRY_AGAIN',
  ],
  ['a bug', new TypeError('the secret reason'), 504, 'OUTCOME_UNKNOWN'],
  ['a bug before any effect', error({ category: 'bug', certainty: 'not_applied' }), 500, 'INTERNAL'],
])(
  'an HTTP API answers %s as its contract says, and does not reveal the reason',
  async (_what, thrown, status, code) => {
    const errors: unknown[] = [];
    const app = httpApi({ routes: 'none', onError: (one) => errors.push(one) });
    app.get('/', () => {
      throw thrown;
    });
    const response = await app.request('/');
    const body = await response.text();
    expect([response.status, (JSON.parse(body) as { error: { code: string } }).error.code]).toEqual([
      status,
      code,
    ]);
    expect(body).not.toContain('secret');
    expect(errors).toEqual([thrown]);
  },
);
