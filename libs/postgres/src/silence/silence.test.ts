import { expect, it } from 'vitest';
import { isLost, silentSince, type Waiting } from './silence.ts';

const waits = (session: string, bytesRead: number): Waiting => ({ session, bytesRead });

it('a connection is silent when it awaited an answer at both looks and received nothing between them', () => {
  const before = new Map([
    ['silent', waits('1', 10)],
    ['answered', waits('2', 10)],
    ['opened again', waits('3', 10)],
    ['no longer waiting', waits('4', 10)],
  ]);
  const now = new Map([
    ['silent', waits('1', 10)],
    ['answered', waits('2', 11)],
    ['opened again', waits('33', 10)],
    ['new', waits('5', 10)],
  ]);
  expect([...silentSince(before, now).keys()]).toEqual(['silent']);
});

it.each([
  ['a session that works', 'active', false, false],
  ['a session that waits for its client', 'idle', false, true],
  ['a session that waits in a transaction', 'idle in transaction', false, true],
  ['a session that waits in a failed transaction', 'idle in transaction (aborted)', false, true],
  ['a session whose state is hidden', null, false, false],
  ['a session whose state is not tracked', 'disabled', false, false],
  ['a session that has ended', undefined, false, true],
  ['a session that a standby does not have', undefined, true, false],
])('the answer of %s (%s, standby: %s) is lost: %s', (_what, state, inRecovery, lost) => {
  const states = new Map(state === undefined ? [] : [['s', state]]);
  expect(isLost({ states, inRecovery }, 's')).toBe(lost);
});
