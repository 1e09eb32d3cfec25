import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { ConvergeError } from '@convergekit/core';
import { type AttemptReport, ownedAttempt } from './retry.ts';
import { defaultBreaker } from './breaker-state.ts';
import { BREAKER_OPEN } from './engine.ts';
import { RetryBudget } from './retry-budget.ts';
import { Bulkhead } from './bulkhead.ts';
import { defaultPolicy, operation, retry } from './index.ts';
import { explain } from './explain.ts';
import { CircuitBreaker } from './breaker.ts';

const down = new ConvergeError('down', { code: 'X', category: 'network', certainty: 'not_applied' });
const noWait = { ...defaultPolicy, backoff: { baseMs: 0, factor: 2, capMs: 0 } };
/** Time stands still, and a wait of nothing is none. */
const base = () => {
  const clock = manualClock();
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    ms === 0 ? Promise.resolve() : clock.sleep(ms, signal);
  return { clock: { now: () => 0, monotonic: () => 0, sleep }, random: () => 0 };
};

describe('an operation', () => {
  it('S2, S19, S21: an operation must declare its idempotency, to the compiler and where there is none', () => {
    // @ts-expect-error idempotency is missing
    const undeclared = () => operation({ name: 'x', call: () => Promise.resolve() });
    // @ts-expect-error a keyed operation needs its key
    const keyless = () => operation({ name: 'x', idempotency: 'keyed', call: () => Promise.resolve() });
    // @ts-expect-error a compensated one names what compensates it
    const unnamed = () => operation({ name: 'x', idempotency: 'compensated', call: () => Promise.resolve() });
    expect(undeclared).toThrow('operation x does not declare its idempotency');
    expect(keyless).toThrow('operation x is keyed and has no key');
    expect(unnamed).toThrow('operation x is compensated and does not name by what');
  });

  it('S2: an operation that must not be repeated has one attempt, and rejects a policy with more', () => {
    const wire = { name: 'wire', idempotency: 'none', call: () => Promise.resolve() } as const;
    expect(() => operation({ ...wire, policy: defaultPolicy })).toThrow(
      'operation wire is declared not idempotent and has 3 attempts',
    );
    expect(operation(wire).policy.attempts).toBe(1);
  });

  it('S9: an open breaker ends the retries and counts no attempt', async () => {
    const guards = base();
    const breaker = new CircuitBreaker({
      name: 'bank',
      settings: { ...defaultBreaker, minimumCalls: 2 },
      ...guards,
    });
    const budget = new RetryBudget();
    const reports: AttemptReport[] = [];
    let calls = 0;
    const read = operation({
      name: 'read',
      idempotency: 'idempotent',
      policy: { ...noWait, attempts: 10 },
      call: () => {
        calls += 1;
        return Promise.reject(down);
      },
    });
    const onAttempt = (report: AttemptReport): void => void reports.push(report);
    const run = read.run(undefined, { ...guards, breaker, budget, onAttempt });
    await expect(run).rejects.toMatchObject({ code: BREAKER_OPEN });
    expect(calls).toBe(2);
    expect(reports.at(-1)?.decision).toEqual({ kind: 'give_up', reason: 'breaker_open' });
    expect(budget.level).toBe((500 - 28) / 500);
  });

  it('an operation rejects with the original error when the retry budget is empty', async () => {
    const reports: AttemptReport[] = [];
    const read = operation({
      name: 'read',
      idempotency: 'idempotent',
      policy: noWait,
      call: () => Promise.reject(down),
    });
    const budget = new RetryBudget({ capacity: 14 });
    const run = read.run(undefined, { ...base(), budget, onAttempt: (report) => reports.push(report) });
    await expect(run).rejects.toBe(down);
    expect(reports.map(({ decision }) => decision)).toEqual([
      { kind: 'again', wait: { computedMs: 0, capMs: 0, budgetLeft: 0, rule: 'backoff' } },
      { kind: 'give_up', reason: 'budget' },
    ]);
  });

  it('an operation waits for a slot in the bulkhead', async () => {
    const bulkhead = new Bulkhead('bank', { concurrent: 1, waiting: 5 });
    let most = 0;
    const read = operation({
      name: 'read',
      idempotency: 'idempotent',
      call: async () => {
        most = Math.max(most, bulkhead.running);
        await Promise.resolve();
      },
    });
    await Promise.all(Array.from({ length: 5 }, () => read.run(undefined, { ...base(), bulkhead })));
    expect(most).toBe(1);
  });

  it('S17: an operation says whether it retries, is compensated, or needs an operator', () => {
    const call = () => Promise.resolve();
    const operations = [
      operation({ name: 'wire', idempotency: 'none', call }),
      operation({ name: 'reserve', idempotency: 'compensated', compensation: 'release', call }),
      operation({ name: 'read', idempotency: 'idempotent', call }),
      operation({
        name: 'ask once',
        idempotency: 'idempotent',
        policy: { ...defaultPolicy, attempts: 1 },
        call,
      }),
    ];
    expect(operations.map(({ path }) => path)).toEqual([
      { kind: 'needs_a_person' },
      { kind: 'compensates', by: 'release' },
      { kind: 'retries' },
      { kind: 'needs_a_person' },
    ]);
  });
});

it('S25: a retry inside a retry is rejected at any depth', async () => {
  const options = { policy: { ...noWait, attempts: 2 }, ...base() };
  let calls = 0;
  const inner = async (): Promise<string> => {
    await Promise.resolve();
    calls += 1;
    return retry(() => Promise.resolve('never'), options);
  };
  await expect(retry(inner, options)).rejects.toMatchObject({
    code: 'NESTED_RETRY',
    category: 'configuration',
  });
  expect(calls).toBe(1);
  await expect(retry(() => Promise.resolve('alone'), options)).resolves.toBe('alone');
});

// Planted fault: a retry owner that never ends rejects it as nested.
it('a task that outlives its attempt may retry by itself', async () => {
  const options = { policy: { ...noWait, attempts: 2 }, ...base() };
  const later = Promise.withResolvers<undefined>();
  let refresh: Promise<string> = Promise.resolve('');
  await retry(() => {
    refresh = later.promise.then(() => retry(() => Promise.resolve('refreshed'), options));
    return Promise.resolve('charged');
  }, options);
  later.resolve(undefined);
  await expect(refresh).resolves.toBe('refreshed');
});

it('an operation that must not be repeated is called once in each run of a handler', async () => {
  let calls = 0;
  const call = (): Promise<never> => {
    calls += 1;
    return Promise.reject(down);
  };
  const wire = operation({ name: 'wire', idempotency: 'none', call });
  const handler = (): Promise<never> => ownedAttempt(() => wire.run(undefined, base()));
  for (const run of [1, 2, 3]) {
    await expect(handler()).rejects.toBe(down);
    expect(calls).toBe(run);
  }
});

// Planted fault: without the one attempt inside `ownedAttempt` there are nine calls.
it('a retry inside ownedAttempt makes one attempt', async () => {
  const options = { policy: { ...noWait, attempts: 3 }, ...base() };
  let calls = 0;
  const failing = (): Promise<string> => {
    calls += 1;
    return Promise.reject(new Error('down'));
  };
  const handler = (): Promise<string> => ownedAttempt(() => retry(failing, options));
  for (let attempt = 0; attempt < 3; attempt += 1) await expect(handler()).rejects.toThrow('down');
  expect(calls).toBe(3);
});

it('explain shows missing bounds', () => {
  const lines = explain({
    ...defaultPolicy,
    attempts: 'unbounded',
    deadlineMs: 'unbounded',
    budget: { ...defaultPolicy.budget, capacity: 'unbounded' },
  });
  expect(lines).toHaveLength(24);
  expect(lines.slice(20, 23)).toEqual([
    'and so on, without a bound on attempts',
    'without a bound on time: it never gives up',
    'retries are not paid for: a failing dependency gets all of them',
  ]);
});

it('S8: explain prints a policy in lines', () => {
  expect(explain(defaultPolicy)).toEqual([
    'attempt 1: at once, at most 10 s',
    'attempt 2: after 0 to 50 ms (0 to 1 s when throttled), at most 10 s',
    'attempt 3: after 0 to 100 ms (0 to 2 s when throttled), at most 10 s',
    'no attempt begins after 60 s; it gives up after 30.15 s at the latest',
    'retries of the dependency: 500 tokens, 14 a retry (5 when throttled), each success brings 1 back',
    'the breaker opens at 50 % failed or 90 % slower than 5 s of at least 20 calls in 10 s; for 1 s at first, up to 4 s',
  ]);
});
