import { describe, expect, it } from 'vitest';
import { refusal } from './account.ts';

const account = { accountId: 'a', balanceCents: 100, closed: false };

describe('an account', () => {
  it('gives what it holds, and not a cent more', () => {
    expect(refusal('a', account, -100)).toBeUndefined();
    expect(refusal('a', account, -101)).toBe('account a holds 1 cents too few');
  });

  it('takes any amount, unless it is closed', () => {
    expect(refusal('a', account, 1_000_000)).toBeUndefined();
    expect(refusal('a', { ...account, closed: true }, 1)).toBe('account a is closed');
    expect(refusal('a', { ...account, closed: true }, -1)).toBe('account a is closed');
  });

  it('must be there', () => expect(refusal('b', undefined, 1)).toBe('there is no account b'));
});
