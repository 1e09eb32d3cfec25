import { ConvergeError } from '@convergekit/core';
import { expect, it } from 'vitest';
import { stillClock as clock } from './fixture/still-clock.ts';
import { operation, type Operation, policyBook, SharedGuards } from './index.ts';

const lost = new ConvergeError('no answer', { code: 'X', category: 'network', certainty: 'unknown' });
const random = (): number => 0;

type Recorded = { readonly calls: (string | undefined)[]; readonly declared: Operation<string, undefined> };

/** An operation of each declaration against another system that never answers. Records the key of each call. */
function declared(idempotency: 'idempotent' | 'keyed' | 'compensated' | 'none'): Recorded {
  const calls: (string | undefined)[] = [];
  const call = (_: string, { idempotencyKey }: { readonly idempotencyKey: string | undefined }) => {
    calls.push(idempotencyKey);
    return Promise.reject<undefined>(lost);
  };
  const name = 'bank.pay';
  switch (idempotency) {
    case 'keyed':
      return { calls, declared: operation({ name, idempotency, key: (order) => `pay:${order}`, call }) };
    case 'compensated':
      return { calls, declared: operation({ name, idempotency, compensation: 'bank.refund', call }) };
    case 'idempotent':
    case 'none':
      return { calls, declared: operation({ name, idempotency, call }) };
  }
}

// Planted fault: an operation that takes its attempts from the configuration, whatever it declares, calls `none` five times.
it.each([
  ['idempotent', Array.from({ length: 5 }, () => undefined), { kind: 'retries' }],
  ['keyed', Array.from({ length: 5 }, () => 'pay:o-1'), { kind: 'retries' }],
  ['compensated', Array.from({ length: 5 }, () => undefined), { kind: 'compensates', by: 'bank.refund' }],
  ['none', [undefined], { kind: 'needs_a_person' }],
] as const)(
  'S19: configuration asks for five attempts, and a lost answer of an operation declared %s is repeated as its declaration allows',
  async (idempotency, expected, path) => {
    const { calls, declared: pay } = declared(idempotency);
    const policies = policyBook({ 'bank.pay': { attempts: 5, backoff: { capMs: 1_000 } } });
    const shared = new SharedGuards({ policies, clock, random });
    await expect(pay.run('o-1', { clock, random, shared })).rejects.toBe(lost);
    expect(calls).toEqual(expected);
    expect(pay.path).toEqual(path);
  },
);
