import { ConvergeError } from '@convergekit/core';
import type { AttemptReport } from '@convergekit/resilience/engine';
import { defaultPolicy, operation, SharedGuards } from '@convergekit/resilience';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boundedLabel } from './attempts.ts';
import { attributeNames, spanNames } from './names.ts';
import { countAttempt } from './engine.ts';
import { observeAttempts, observeBreaker, traceAttempts, withSpan } from './index.ts';
import { type EndedSpan, startTelemetry, type Telemetry } from './sdk.ts';

const clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (ms: number) => (ms > 100 ? new Promise<void>(() => undefined) : Promise.resolve()),
};
const guards = new SharedGuards({
  policies: { for: () => defaultPolicy },
  clock,
  random: () => 0,
  onBreaker: observeBreaker,
});
const down = (code: string) =>
  new ConvergeError(code, { code, category: 'service', certainty: 'not_applied' });

describe('attempts of an operation', () => {
  let telemetry: Telemetry;
  const spans: EndedSpan[] = [];
  beforeAll(() => {
    telemetry = startTelemetry({ serviceName: 'test', onSpan: (span) => spans.push(span) });
  });
  afterAll(() => telemetry.shutdown());
  const lines = async (start: string) =>
    (await telemetry.scrape()).body.split('\n').filter((line) => line.startsWith(start));

  it('S22: attempts are counted by outcome, category and reason; waits by rule; budget and breaker are gauges', async () => {
    const errors = [down('E503'), down('E502')];
    const charge = operation({
      name: 'bank.charge',
      idempotency: 'idempotent',
      call: () => {
        const error = errors.shift();
        return error === undefined ? Promise.resolve('ok') : Promise.reject(error);
      },
    });
    const { budget, breaker } = guards.for('bank.charge');
    const onAttempt = observeAttempts({
      operation: 'bank.charge',
      budget,
      objective: { name: 'pay', target: 0.99 },
    });
    await charge.run(undefined, { clock, random: () => 0, budget, breaker, onAttempt });
    breaker.isolate();
    const found = await lines('converge_attempts_total{converge_operation="bank.charge"');
    const label = (name: string) => found.map((line) => new RegExp(`${name}="(\\w+)"`).exec(line)?.[1]);
    expect(label('converge_outcome')).toEqual(['retry', 'retry', 'applied']);
    expect(label('converge_attempt_reason')).toEqual(['E503', 'E502', 'none']);
    expect(label('converge_objective')).toEqual(['pay', 'pay', 'pay']);
    expect(await lines('converge_attempt_wait_seconds_count')).toEqual([
      expect.stringMatching(/converge_wait_rule="backoff".*} 2$/),
    ]);
    expect(await lines('converge_retry_budget{')).toEqual([expect.stringMatching(/} 0\.946$/)]);
    expect(await lines('converge_breaker_state{')).toEqual([expect.stringMatching(/} 3$/)]);
    expect(await lines('converge_breaker_changes_total{')).toEqual([
      expect.stringContaining('converge_breaker_state="isolated"'),
    ]);
    expect(await lines('converge_objective_target{')).toEqual([expect.stringMatching(/"pay"} 0\.99$/)]);
  });

  it('S58, S59: attempts are numbered spans under the caller’s span, and each wait records its inputs', async () => {
    let bad = 2;
    const read = operation({
      name: 'bank.read',
      idempotency: 'idempotent',
      call: traceAttempts('bank.read', () =>
        bad-- > 0 ? Promise.reject(down('E503')) : Promise.resolve('ok'),
      ),
    });
    const { budget } = guards.for('bank.read');
    const onAttempt = observeAttempts({ operation: 'bank.read', budget });
    const random = () => 0.5;
    await withSpan('caller', { kind: 'internal' }, () =>
      read.run(undefined, { clock, random, budget, onAttempt }),
    );
    const caller = spans.find(({ name }) => name === 'caller');
    const attempts = spans.filter(({ name }) => name === spanNames.attempt('bank.read'));
    expect(attempts.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(3).fill(caller?.spanId));
    expect(
      attempts.map(({ attributes }) => [attributes[attributeNames.attempt], attributes['error.type']]),
    ).toEqual([
      [1, 'E503'],
      [2, 'E503'],
      [3, undefined],
    ]);
    expect(caller?.events.map(({ attributes }) => attributes)).toEqual([
      {
        [attributeNames.waitRule]: 'backoff',
        [attributeNames.waitComputed]: 25,
        [attributeNames.waitCap]: 50,
        [attributeNames.waitBudgetLeft]: 486 / 500,
      },
      expect.objectContaining({ [attributeNames.waitComputed]: 50, [attributeNames.waitCap]: 100 }),
    ]);
  });

  it('the last attempt records why it was the last', async () => {
    const reports: AttemptReport[] = [];
    const observe = observeAttempts({ operation: 'bank.refund' });
    const refund = operation({
      name: 'bank.refund',
      idempotency: 'none',
      call: () => Promise.reject(down('E500')),
    });
    const run = refund.run(undefined, {
      clock,
      random: () => 0,
      onAttempt: (report) => {
        reports.push(report);
        observe(report);
      },
    });
    await expect(run).rejects.toThrow('E500');
    expect(reports).toHaveLength(1);
    expect(await lines('converge_attempts_total{converge_operation="bank.refund"')).toEqual([
      expect.stringContaining('converge_attempt_give_up="attempts"'),
    ]);
  });

  // Planted fault: with unbounded codes there are 500 series here.
  it('errors with ids in their codes create a bounded number of series', async () => {
    for (let id = 0; id < 500; id += 1)
      countAttempt({
        labels: { 'converge.operation': 'bank.lookup' },
        outcome: 'retry',
        failure: { category: 'bug', code: `NO_ACCOUNT_${id}`, structural: false },
      });
    const found = await lines('converge_attempts_total{converge_operation="bank.lookup"');
    expect(found.length).toBeLessThanOrEqual(101);
    expect(found.some((line) => line.includes('converge_attempt_reason="other"'))).toBe(true);
  });
});

it('a bounded label keeps the values that it has seen', () => {
  expect(boundedLabel('test', 'a')).toBe('a');
  for (let n = 0; n < 200; n += 1) boundedLabel('test', `n${n}`);
  expect(boundedLabel('test', 'a')).toBe('a');
  expect(boundedLabel('test', 'new')).toBe('other');
});
