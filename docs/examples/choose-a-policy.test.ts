import { readFileSync } from 'node:fs';
import { classify, ConvergeError, strategies } from 'convergekit';
import { policyBook, SharedGuards } from 'convergekit/process';
import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { type Bank, chargeWith, guards, payRoute, priceFrom, rules } from './choose-a-policy.ts';

const down = new ConvergeError('down', { code: 'HTTP_503', category: 'service', certainty: 'not_applied' });

function scene(policies = policyBook(rules)) {
  const clock = manualClock();
  const random = (): number => 0;
  const shared = new SharedGuards({ policies, clock, random });
  return { clock, random, shared, failureOf: (error: unknown) => classify(error) };
}

/** The bank of the example: refuses as often as it is told to. */
function bank(refusals: number) {
  const asked: { key: string; deadline: string | undefined }[] = [];
  const one: Bank = {
    charge: (orderId, { key, headers }) => {
      asked.push({ key, deadline: headers['ce_deadline'] });
      return asked.length <= refusals ? Promise.reject(down) : Promise.resolve(`charged ${orderId}`);
    },
  };
  return { one, asked };
}

describe('the example of "choose a policy"', () => {
  it('the example of “choose a policy” charges once by key, retries as its policy says, and passes the deadline on', async () => {
    const around = scene();
    const { one, asked } = bank(1);
    const headers = { ce_deadline: new Date(around.clock.now() + 800).toISOString() };
    const answer = payRoute(chargeWith(one), { orderId: 'o1', headers }, around);
    while (asked.length < 2) await around.clock.advance(1);
    expect(await answer).toEqual({ status: 200, headers: {}, body: 'charged o1' });
    expect(asked.map(({ key }) => key)).toEqual(['charge:o1', 'charge:o1']);
    expect(asked.every(({ deadline = '' }) => deadline <= headers.ce_deadline)).toBe(true);
  });

  it('S33, S69: the example of “choose a policy” changes its strategy when only the policy module changes', async () => {
    const { one, asked } = bank(9);
    const around = scene(policyBook({ ...rules, 'payment.charge': { attempts: 1 } }));
    const answer = await payRoute(chargeWith(one), { orderId: 'o2', headers: {} }, around);
    expect([answer.status, answer.body, asked.length]).toEqual([503, 'try_again', 1]);
  });

  it('S71: the example of “choose a policy” answers 503 with Retry-After while the breaker is open, and makes no call', async () => {
    const around = scene();
    around.shared.isolate('payment.charge');
    const { one, asked } = bank(0);
    const answer = await payRoute(chargeWith(one), { orderId: 'o3', headers: {} }, around);
    expect(answer).toEqual({ status: 503, headers: { 'retry-after': '1' }, body: 'try_again' });
    expect(asked).toEqual([]);
    const price = priceFrom(() => Promise.resolve(5));
    expect(await price.run('a', around)).toBe(5);
    around.shared.isolate('price.read');
    expect(await price.run('a', around)).toBe(999);
  });

  it('the example of “choose a policy” also runs with the guards of the process', async () => {
    expect(await chargeWith(bank(0).one).run('o4', guards)).toBe('charged o4');
  });
});

it('the guide to failures names for each category what follows in the code', () => {
  const guide = new URL('../guides/what-happens-when-it-fails.md', import.meta.url);
  const page = readFileSync(guide, 'utf8');
  for (const [category, { disposition }] of Object.entries(strategies))
    expect(page).toMatch(new RegExp(`_${disposition}_: [a-z, ]*\\b${category}\\b`));
});
