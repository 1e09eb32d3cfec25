import { describe, expect, it } from 'vitest';
import { refusalReason } from './account.ts';

const account = { accountId: 'a', balanceCents: 100, closed: false };

describe('an account', () => {
  it('an account gives its balance, and not a cent more', () => {
    expect(refusalReason('a', account, -100)).toBeUndefined();
    expect(refusalReason('a', account, -101)).toBe('account a holds 1 cents too few');
  });

  it('an account accepts any amount, unless it is closed', () => {
    expect(refusalReason('a', account, 1_000_000)).toBeUndefined();
    expect(refusalReason('a', { ...account, closed: true }, 1)).toBe('account a is closed');
    expect(refusalReason('a', { ...account, closed: true }, -1)).toBe('account a is closed');
  });

  it('an unknown account is refused', () =>
    expect(refusalReason('b', undefined, 1)).toBe('there is no account b'));
});
