import { ConvergeError } from 'convergekit';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { httpApi, keyedPost } from './http-api.ts';

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
  'S71: an HTTP API answers %s as its contract says, and does not reveal the reason',
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

it.each([
  ['that says so', (body: string): string => body],
  ['that is sent in pieces', (body: string) => new Blob([body]).stream()],
])('an HTTP API refuses a body of more than 256 KB %s, and nothing is done', async (_what, bodyOf) => {
  const done: unknown[] = [];
  const app = httpApi({ routes: 'POST /things', onError: (error) => done.push(error) });
  keyedPost(app, '/things', z.looseObject({}), (_key, request) => {
    done.push(request);
    return Promise.resolve({});
  });
  const response = await app.request('/things', {
    method: 'POST',
    headers: { 'idempotency-key': 'k1' },
    body: bodyOf(`{"text":"${'x'.repeat(300 * 1024)}"}`),
    duplex: 'half',
  });
  expect([response.status, done]).toEqual([413, []]);
});
