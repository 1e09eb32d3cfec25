import { expect, test } from 'vitest';
import { type Failure } from '@convergekit/core';
import { BREAKER_OPEN } from './engine.ts';
import { httpAnswer } from './index.ts';

const failure = (detail: Partial<Failure>): Failure => ({
  category: 'service',
  certainty: 'not_applied',
  code: 'X',
  message: 'x',
  structural: false,
  ...detail,
});
const open = failure({ code: BREAKER_OPEN, retryAfterMs: 1_200 });

const keyed = (code: string): Failure => failure({ category: 'data', code });

test.each<[string, Failure, boolean, number, string, string | undefined]>([
  ['an open breaker', open, false, 503, 'try_again', '2'],
  ['an open breaker, the request written down', open, true, 202, 'accepted', '2'],
  ['a throttled call', failure({ category: 'throttle', retryAfterMs: 900 }), false, 429, 'try_again', '1'],
  ['no connection', failure({ category: 'network' }), false, 503, 'try_again', '1'],
  ['a busy service', failure({ retryAfterMs: 2_500 }), false, 503, 'try_again', '3'],
  ['a lost reply', failure({ category: 'network', certainty: 'unknown' }), false, 504, 'unknown', undefined],
  ['a lost reply, written down', failure({ certainty: 'unknown' }), true, 202, 'accepted', undefined],
  ['a rejection, although written down', failure({ category: 'business' }), true, 422, 'rejected', undefined],
  ['a conflict', failure({ category: 'contention' }), false, 409, 'try_again', undefined],
  ['a bug of ours', failure({ category: 'bug' }), false, 500, 'failed', undefined],
  ['bad data of ours', failure({ category: 'data' }), false, 500, 'failed', undefined],
  ['a request without a key', keyed('REQUEST_KEY_INVALID'), false, 400, 'rejected', undefined],
  ['a used key of another request', keyed('REQUEST_KEY_REUSED'), true, 422, 'rejected', undefined],
  ['an error after the effect', failure({ certainty: 'applied' }), false, 202, 'accepted', undefined],
])('S71: an API answers %s as specified', (_, one, deferred, status, outcome, retryAfter) => {
  const answer = httpAnswer(one, { deferred });
  expect([answer.status, answer.outcome, answer.headers['retry-after']]).toEqual([
    status,
    outcome,
    retryAfter,
  ]);
});
