import { describe, expect, it } from 'vitest';
import { defaultPolicy, policyBook, type PolicyLayer, type PolicyRules } from './index.ts';
import { PolicyBook } from './policy-book.ts';
import { PolicyInvalid } from './policy-book.ts';

const rules: PolicyRules = {
  default: { attempts: 4, backoff: { capMs: 5_000 }, attemptTimeoutMs: 2_000, deadlineMs: 20_000 },
  payment: { budget: { capacity: 100 }, attemptTimeoutMs: 1_000 },
  'payment.charge': { attempts: 2, breaker: { minimumCalls: 5 } },
  'cache.warm': { attempts: 1, attemptTimeoutMs: 200, deadlineMs: 200 },
};

describe('policies by name', () => {
  it('S16: each operation has its own policy', () => {
    const policies = policyBook(rules);
    expect({ charge: policies.for('payment.charge'), warm: policies.for('cache.warm') }).toMatchSnapshot();
    expect(policies.for('payment.charge')).not.toEqual(policies.for('cache.warm'));
  });

  it('a name takes the rule of its longest prefix, field by field', () => {
    const policies = policyBook(rules);
    expect(policies.for('payment.refund')).toEqual(policies.for('payment'));
    expect(policies.for('payment.charge.again').attempts).toBe(2);
    expect(policies.for('paymentx')).toEqual(policies.for('default'));
    expect(policies.for('constructor')).toEqual(policies.for('default'));
    expect(policyBook({}).for('anything')).toEqual(defaultPolicy);
  });

  it('a later layer overrides for every name, and applied rules name their source', () => {
    const environment = { source: 'environment', rules: { payment: { attempts: 3 } } };
    const policies = policyBook(rules, environment);
    expect(policies.for('payment.charge')).toMatchObject({ attempts: 3, attemptTimeoutMs: 1_000 });
    expect(policies.applied('payment.charge').map(({ source, rule }) => `${rule} (${source})`)).toEqual([
      'default (code)',
      'payment (code)',
      'payment.charge (code)',
      'payment (environment)',
    ]);
  });

  it('S8: a policy survives JSON', () => {
    const again = new PolicyBook(
      JSON.parse(JSON.stringify(policyBook(rules).layers.slice(1))) as PolicyLayer[],
    );
    for (const name of again.names) expect(again.for(name)).toEqual(policyBook(rules).for(name));
  });

  it('the default policy keeps a consumer’s in-place retries short', () => {
    expect(policyBook({}).for('consumer.orders')).toMatchObject({ attempts: 3, backoff: { capMs: 1_000 } });
  });

  it.each<[string, unknown, string]>([
    [
      'a field that does not exist',
      { payment: { retries: 3 } },
      'policies.payment (code): Unrecognized key: "retries"',
    ],
    [
      'a value that is none',
      { payment: { breaker: { failureRate: 50 } } },
      'policies.payment.breaker.failureRate (code): failureRate must be at most 1: it is a share, not a percentage',
    ],
    [
      'a name that is none',
      { 'payment..charge': {} },
      'policies.payment..charge (code): a policy name is words',
    ],
    [
      'a name that the environment would read as a field',
      { 'payment.budget': {} },
      'a part of a policy name may not be a field',
    ],
    [
      'rules that are fine alone and not together',
      { payment: { deadlineMs: 15_000 }, 'payment.charge': { attempts: 9, backoff: { capMs: 2_000 } } },
      'policies.payment.charge.deadlineMs (code): attempts × capMs (9 × 2000 = 18000 ms) is above deadlineMs 15000',
    ],
  ])('S37: a policy book rejects %s with path, source and hint', (_, wrong, message) => {
    expect(() => policyBook({ default: { backoff: { capMs: 1_000 } }, ...(wrong as PolicyRules) })).toThrow(
      message,
    );
  });

  it('a policy book reports all issues at once, as a configuration failure', () => {
    const wrong = (): PolicyBook => policyBook({ a: { attempts: 0 }, b: { deadlineMs: -1 } });
    expect(wrong).toThrow(PolicyInvalid);
    expect(wrong).toThrow(/policies\.a\.attempts.*policies\.b\.deadlineMs/s);
  });

  it('S70: attempts are unbounded only if the policy says so', () => {
    const policies = policyBook({ 'money.refund': { attempts: 'unbounded', deadlineMs: 'unbounded' } });
    expect(policies.for('money.refund')).toMatchObject({ attempts: 'unbounded', deadlineMs: 'unbounded' });
    const { attempts, deadlineMs, budget } = policies.for('money.charge');
    expect([attempts, deadlineMs, budget.capacity]).toEqual([3, 60_000, 500]);
    expect(() => policyBook({ x: { attempts: 1_001 } })).toThrow('give fewer, or say unbounded');
  });
});
