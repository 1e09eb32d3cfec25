import { ConvergeError } from '@convergekit/core';
import { expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';
import { stillClock as clock } from './fixture/still-clock.ts';
import { defaultPolicy, operation } from './index.ts';

const down = new ConvergeError('down', { code: 'X', category: 'network', certainty: 'not_applied' });

/** A dependency with its own count of what reaches it, and callers that share a budget. */
function dependency() {
  const state = { up: false, reached: 0 };
  const budget = new RetryBudget();
  const read = operation({
    name: 'read',
    idempotency: 'idempotent',
    policy: { ...defaultPolicy, attempts: 4 },
    call: () => {
      state.reached += 1;
      return state.up ? Promise.resolve() : Promise.reject(down);
    },
  });
  const callAtOnce = async (calls: number): Promise<number> => {
    const before = state.reached;
    const all = Array.from({ length: calls }, () => read.run(undefined, { clock, random: () => 0, budget }));
    await Promise.allSettled(all);
    return state.reached - before;
  };
  return { state, callAtOnce };
}

// Planted fault: with a budget for each caller the dependency is reached four times a call.
it.each([20, 175, 1_000])(
  'S12: %d callers at once reach a dependency that is down by 35 attempts more than they are, and later ones by none',
  async (calls) => {
    const { callAtOnce } = dependency();
    expect(await callAtOnce(calls)).toBe(calls + 35);
    expect(await callAtOnce(calls)).toBe(calls);
  },
);

it('S12: a dependency that is back is reached once by each call, and pays for new retries by successes alone', async () => {
  const { state, callAtOnce } = dependency();
  await callAtOnce(100);
  state.up = true;
  expect(await callAtOnce(100)).toBe(100);
  state.up = false;
  // 10 tokens were left, and 100 successes gave 100: seven retries at 14 each.
  expect(await callAtOnce(100)).toBe(107);
});
