import { ConvergeError } from '@convergekit/core';
import { expect, it } from 'vitest';
import { bodyOf, failureAnswer } from './answers.ts';

const error = (
  detail: Omit<ConstructorParameters<typeof ConvergeError>[1], 'code'> & { readonly code?: string },
): ConvergeError => new ConvergeError('the secret reason', { code: 'X', ...detail });

// Planted fault: an API that answers 500 to everything fails in each line but one.
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
  ['a refusal of its rules', error({ category: 'business', certainty: 'not_applied' }), 422, 'REJECTED'],
])(
  'S71: a service answers %s as its contract says, and does not reveal the reason',
  (_, thrown, ...wanted) => {
    const answer = failureAnswer(thrown);
    expect([answer.status, answer.code]).toEqual(wanted);
    expect(bodyOf(answer)).not.toContain('secret');
    expect(answer.isLogged).toBe(true);
  },
);

const key = (code: string) => error({ code, category: 'data', certainty: 'not_applied' });

it.each([
  ['a missing key', key('REQUEST_KEY_INVALID'), 400, 'one new value for each request'],
  ['a used key of another request', key('REQUEST_KEY_REUSED'), 422, 'use a new key'],
  [
    'a body that its parser refuses',
    Object.assign(new Error('no JSON'), { status: 400, expose: true }),
    400,
    'no JSON',
  ],
  [
    'a path that cannot be decoded',
    Object.assign(new URIError('malformed'), { status: 400 }),
    400,
    'malformed',
  ],
])('%s is answered with what its client must change, and is not logged', (_, thrown, status, says) => {
  const answer = failureAnswer(thrown);
  expect([answer.status, answer.isLogged]).toEqual([status, false]);
  expect(answer.message).toContain(says);
});

it('the status of another system’s answer is not passed to the client', () => {
  const { status, isLogged } = failureAnswer(Object.assign(new Error('secret'), { status: 401 }));
  expect([status, isLogged]).toEqual([500, true]);
});
