import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { ConvergeError } from '@convergekit/core';
import { BREAKER_OPEN, type Policies } from './engine.ts';
import { operation, policyBook, type PolicyRules, SharedGuards } from './index.ts';

const rules: PolicyRules = {
  default: { attempts: 1, breaker: { minimumCalls: 2 } },
};
const down = (): Promise<never> =>
  Promise.reject(new ConvergeError('down', { code: 'X', category: 'service', certainty: 'not_applied' }));

function scene(policies: Policies = policyBook(rules)) {
  const changes: string[] = [];
  const clock = manualClock();
  const random = (): number => 0;
  const shared = new SharedGuards({
    policies,
    clock,
    random,
    onBreaker: (name, kind) => changes.push(`${name} ${kind}`),
  });
  return { shared, changes, guards: { clock, random, shared } };
}

const call = (name: string, fn: () => Promise<string>) =>
  operation({ name, idempotency: 'idempotent', call: fn });

describe('guards that a process shares', () => {
  it('S49: a breaker opens for one operation of a dependency and not for another', async () => {
    const { guards, changes, shared } = scene();
    const charge = call('payment.charge', down);
    const refund = call('payment.refund', () => Promise.resolve('refunded'));
    for (let index = 0; index < 3; index += 1) await charge.run(undefined, guards).catch(() => undefined);
    await expect(charge.run(undefined, guards)).rejects.toMatchObject({ code: BREAKER_OPEN });
    await expect(refund.run(undefined, guards)).resolves.toBe('refunded');
    expect(changes).toEqual(['payment.charge open']);
    expect([...shared.breakers].map(([name, { state }]) => `${name} ${state.kind}`)).toEqual([
      'payment.charge open',
      'payment.refund closed',
    ]);
  });

  it('all callers of an operation share one breaker and one budget, separate from other operations', () => {
    const { shared } = scene();
    expect(shared.for('payment.charge').breaker).toBe(shared.for('payment.charge').breaker);
    expect(shared.for('payment.charge').breaker).not.toBe(shared.for('payment.refund').breaker);
    expect(shared.for('payment.charge').budget).toBe(shared.for('payment.charge').budget);
  });

  // Planted fault: with one budget for all names that start with `shop.` the next step has none left.
  it('a saga step retries although another step has used up its own budget', () => {
    const { shared } = scene();
    const pay = shared.for('shop.place-order.pay.apply').budget;
    while (pay.take('network'));
    expect(shared.for('shop.place-order.ship.apply').budget.take('network')).toBe(true);
    expect(shared.for('shop.return-goods.refund.compensate').budget.take('network')).toBe(true);
  });

  it('an operator isolates an operation, even before its first call, until it is restored', async () => {
    const { guards, shared } = scene();
    shared.isolate('payment.charge');
    const charge = call('payment.charge', () => Promise.resolve('charged'));
    await expect(charge.run(undefined, guards)).rejects.toThrow('an operator has isolated it');
    shared.restore('payment.charge');
    await expect(charge.run(undefined, guards)).resolves.toBe('charged');
  });

  it('guards apply changed policies from the next call on and keep their counts', async () => {
    let book = policyBook({ default: { attempts: 1, breaker: { minimumCalls: 100 } } });
    const { guards, shared } = scene({ for: (name) => book.for(name) });
    const charge = call('payment.charge', down);
    const one = () => charge.run(undefined, guards).catch((error: unknown) => (error as ConvergeError).code);
    expect([await one(), await one(), await one()]).toEqual(['X', 'X', 'X']);
    book = policyBook(rules);
    expect([await one(), await one()]).toEqual(['X', BREAKER_OPEN]);
    expect(shared.for('payment.charge').policy.breaker.minimumCalls).toBe(2);
  });
});

describe('an operation with a policy book', () => {
  it('an operation follows the policy of its name; a call in flight keeps the one it started with', async () => {
    const wait = { backoff: { baseMs: 100, capMs: 100 }, attemptTimeoutMs: 1_000, deadlineMs: 10_000 };
    let book = policyBook({ 'payment.charge': { ...wait, attempts: 3 } });
    const { guards } = scene({ for: (name) => book.for(name) });
    const starts: string[] = [];
    const charge = operation({
      name: 'payment.charge',
      idempotency: 'idempotent',
      call: (who: string) => {
        starts.push(who);
        book = policyBook({ 'payment.charge': { ...wait, attempts: 1 } });
        return down();
      },
    });
    const ended = charge.run('before', guards).catch(() => undefined);
    while (guards.clock.sleepers > 0) await guards.clock.advance(100);
    await ended;
    await charge.run('after', guards).catch(() => undefined);
    expect(starts).toEqual(['before', 'before', 'before', 'after']);
  });

  it('an operation uses its fallback while the breaker is open, and only then', async () => {
    const { guards, shared } = scene();
    const price = operation({
      name: 'price.read',
      idempotency: 'idempotent',
      call: (sku: string): Promise<string> => down().then(() => sku),
      fallback: (sku, { retryAfterMs }) => `${sku}: yesterday's price (${String(retryAfterMs)})`,
    });
    await expect(price.run('a', guards)).rejects.toMatchObject({ code: 'X' });
    shared.isolate('price.read');
    await expect(price.run('a', guards)).resolves.toBe("a: yesterday's price (1000)");
  });
});
