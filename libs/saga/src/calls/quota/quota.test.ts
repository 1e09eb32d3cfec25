import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineCall } from '../declare/define-call.ts';
import { earnedInUs, lateMs, type Quota, quotaConflict, shortestPauseMs } from './quota.ts';

const bank: Quota = { name: 'bank', perSecond: 50, burst: 10 };
const declare = (quota: Quota) =>
  defineCall('bank.pay', {
    input: z.null(),
    result: z.null(),
    idempotency: 'idempotent',
    quota,
    call: () => Promise.resolve(null),
  });

describe('a declared quota', () => {
  it.each([
    ['a name that is none', { ...bank, name: 'The Bank' }, 'quota.name'],
    ['a rate of nothing', { ...bank, perSecond: 0 }, 'quota.perSecond'],
    ['a rate that is no number', { ...bank, perSecond: Number.NaN }, 'quota.perSecond'],
    ['a burst of nothing', { ...bank, burst: 0 }, 'quota.burst'],
    ['a burst of a half', { ...bank, burst: 1.5 }, 'quota.burst'],
  ])('a quota with %s is refused where the call is declared', (_what, quota, field) => {
    expect(() => declare(quota)).toThrow(`call "bank.pay": ${field} is`);
  });

  it('a quota belongs to every use of its call', () => {
    expect(declare(bank).bind('shop.order.pay.apply').quota).toEqual(bank);
  });

  it('a quota has one rate, whichever calls name it', () => {
    expect(quotaConflict([bank, undefined, { ...bank }])).toBeUndefined();
    expect(quotaConflict([bank, { ...bank, perSecond: 51 }])).toMatchObject({ perSecond: 51 });
  });

  it('a quota is never faster than declared by rounding, and a slow one may be late by one call', () => {
    expect([earnedInUs(bank), earnedInUs({ ...bank, perSecond: 3 })]).toEqual([20_000, 333_334]);
    expect([lateMs(bank), lateMs({ ...bank, perSecond: 0.1 })]).toEqual([500, 10_000]);
  });

  it('work behind a quota is looked for before its burst is full, and no more often than polled', () => {
    expect(shortestPauseMs([], 100)).toBe(100);
    expect(shortestPauseMs([bank], 1_000)).toBe(100);
    expect(shortestPauseMs([{ ...bank, burst: 1 }], 100)).toBe(10);
  });
});
