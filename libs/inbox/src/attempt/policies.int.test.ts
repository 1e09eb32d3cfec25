import { executorOf } from '@convergekit/postgres';
import { setPolicyRule } from '@convergekit/postgres/operate';
import { ConvergeError } from '@convergekit/core';
import { type PolicyBook, policyBook, type PolicyRules } from '@convergekit/resilience';
import type { PolicyChange } from '@convergekit/resilience/engine';
import { startTelemetry } from '@convergekit/telemetry/sdk';
import { waitUntil } from '@convergekit/testing';
import type { Transaction } from 'kysely';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { FailureScene } from '../fixture/failure-scene.ts';
import { retryingHandler } from '../fixture/retrying-handler.ts';
import { givenUpAtOnce, quickSchedule, tag } from '../testing/quick.ts';
import { type LedgerDb, testEvents } from '../fixture/ledger.ts';
import { livePolicies } from '../service/live-policies.ts';

const name = `payments-${tag()}`;
const topic = `orders-${tag()}`;
const { counted } = testEvents(topic);
let scene: FailureScene;

beforeEach(async () => {
  scene = await FailureScene.open(inject('stack').databaseUrl, [topic, `${name}.failures`]);
  return () => scene.close();
});
afterEach(() => {
  book = few(3);
});

const few = (attempts: number, rules: PolicyRules = {}): PolicyBook =>
  policyBook({
    consumer: { attempts, backoff: { baseMs: 1, capMs: 2 }, giveUp: givenUpAtOnce },
    ...rules,
  });
let book = few(3);
let tries: number[] = [];

/** The business of the tests, which stays the same whatever the policies do. */
const payments = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, (event) => {
  tries.push(event.data.n);
  // The first event lowers the attempts while it is in flight itself.
  if (event.data.n === 0) book = few(1);
  if (event.data.n === 1) book = few(1, { [`consumer.${name}.test.counted`]: { attempts: 2 } });
  throw new ConvergeError('not today', { code: 'X', category: 'bug', certainty: 'not_applied' });
});

it('S18, S69: attempts in place follow changed policies without a restart, and an event in flight keeps its policy', async () => {
  tries = [];
  await scene.source.publish(
    scene.broker,
    [0, 1, 2].map((n) => counted({ key: `k${n}`, n })),
  );
  // Planted fault: a service that reads the policy once at its start tries each of them three times.
  const policies = { for: (policy: string) => book.for(policy) };
  await scene.start(payments, { policies, sliceSize: 1 });
  await waitUntil(async () => (await scene.offset()) >= 3, { what: 'three events settled' });
  expect(tries).toEqual([0, 0, 0, 1, 2, 2]);
});

// Planted faults: without `ownedAttempt` around a slice, or around the try of a parked event, each run of the handler calls
// three times.
it('a retrying call is made once in each attempt of its handler, in place and when its event is parked', async () => {
  const { made, handle } = retryingHandler();
  const calling = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, handle);
  await scene.source.publish(scene.broker, [counted({ key: 'k', n: 1 })]);
  await scene.start(calling, { policies: few(2) });
  await waitUntil(() => made.runs >= 5, { what: 'two attempts in place, and three when it is parked' });
  expect(made.calls).toBeLessThanOrEqual(made.runs);
});

it('S36: while the central table is unreachable the last good policies apply, and a gauge shows their age', async () => {
  const telemetry = startTelemetry({ serviceName: 'test' });
  const { executor } = scene.database;
  const set = (attempts: number) =>
    setPolicyRule(executor, { name: 'consumer', change: { attempts }, by: 'ann', reason: 'a test' });
  const layers = [{ source: 'environment', rules: { consumer: { attempts: 7, deadlineMs: 50_000 } } }];
  await set(4);
  const policies = livePolicies({ database: scene.database, layers, pollMs: 10 });
  const staleness = async () =>
    Number(/^converge_policy_staleness_seconds (\S+)/m.exec((await telemetry.scrape()).body)?.[1]);
  await policies.start();
  try {
    const held = () => policies.for(`consumer.${name}.test.counted`);
    await waitUntil(() => held().attempts === 4, { what: 'the first look' });
    expect(held().deadlineMs).toBe(50_000);
    await set(5);
    await waitUntil(() => held().attempts === 5, { what: 'the change' });
    expect(await staleness()).toBeLessThan(5);
    await executor.query('alter table converge.policy rename to away');
    await waitUntil(() => policies.status().error !== undefined, { what: 'the outage to be noticed' });
    const before = await staleness();
    await waitUntil(async () => (await staleness()) > before, { what: 'the staleness to rise' });
    expect(held().attempts).toBe(5);
  } finally {
    await policies.stop();
    await telemetry.shutdown();
  }
});

it('S18: a rule set in the central table applies in a running consumer from the next event on, and an unreachable table changes nothing', async () => {
  const { executor } = scene.database;
  const handler = `consumer.${name}.test.counted`;
  const layers = [{ source: 'code', rules: { consumer: { giveUp: givenUpAtOnce } } }];
  const policies = livePolicies({ database: scene.database, layers, pollMs: 10 });
  const set = async (change: PolicyChange) => {
    await setPolicyRule(executor, {
      name: `consumer.${name}`,
      change,
      by: 'ann',
      reason: 'the bank is slow',
    });
    await waitUntil(() => policies.for(handler).attempts === change.attempts, { what: 'the change' });
  };
  const gate = Promise.withResolvers<undefined>();
  const tried: number[] = [];
  const failing = defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(
    counted,
    async (event) => {
      tried.push(event.data.n);
      await gate.promise;
      throw new TypeError('never');
    },
  );
  const send = (n: number) => scene.source.publish(scene.broker, [counted({ key: `k${n}`, n })]);
  const letters = (count: number) =>
    waitUntil(async () => (await scene.letters()).length === count, { what: `${count} dead letters` });
  await policies.start();
  try {
    await scene.start(failing, { policies, sliceSize: 1 });
    await send(1);
    await waitUntil(() => tried.length > 0, { what: 'the first attempt' });
    await set({ attempts: 1, attemptTimeoutMs: 50 });
    const changedAt = performance.now();
    await waitUntil(() => performance.now() > changedAt + 50, { what: 'longer than the new limit' });
    gate.resolve(undefined);
    await letters(1);
    // The attempt in flight kept the 10 s that it began with.
    expect((await scene.letters()).map(({ code }) => code)).toEqual(['TypeError']);
    await send(2);
    await letters(2);
    // Planted fault: a service that reads the policies once at its start tries 2 three times.
    expect(tried.filter((n) => n === 2)).toHaveLength(1);

    await set({ attempts: 2 });
    await executor.query('alter table converge.policy rename to away');
    await waitUntil(() => policies.status().error !== undefined, { what: 'the outage to be noticed' });
    await send(3);
    await letters(3);
    expect(tried.filter((n) => n === 3)).toHaveLength(2);
  } finally {
    gate.resolve(undefined);
    await policies.stop();
  }
});

it('S10: the time limit of a handler and the timeouts of its transaction follow changed policies', async () => {
  const handler = `consumer.${name}.test.counted`;
  const idle = async (tx: Transaction<LedgerDb>) => {
    const shown = await executorOf(tx).query<{ ms: string }>(
      `select setting as ms from pg_settings where name = 'idle_in_transaction_session_timeout'`,
    );
    return Number(shown.rows[0]!.ms);
  };
  const limits: number[] = [];
  const slow = defineConsumer<LedgerDb>(name, { from: 'first', onDead: 'skip' }).on(
    counted,
    async (event, { tx, signal }) => {
      limits.push(await idle(tx));
      if (event.data.n === 0) book = few(1, { [handler]: { attemptTimeoutMs: 20 } });
      else
        await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
    },
  );
  await scene.source.publish(scene.broker, [counted({ key: 'k0', n: 0 }), counted({ key: 'k1', n: 1 })]);
  const parking = { schedule: { ...quickSchedule, withinMs: 0 }, pollMs: 20 };
  // Planted fault: a limit of the service's own, beside the policies, leaves the second event hanging here.
  await scene.start(slow, { policies: { for: (policy: string) => book.for(policy) }, sliceSize: 1, parking });
  await waitUntil(async () => (await scene.letters()).length > 0, { what: 'the letter' });
  expect(await scene.letters()).toMatchObject([{ code: 'HANDLER_TIMEOUT', certainty: 'unknown' }]);
  expect(limits.slice(0, 2)).toEqual([12_000, 2_020]);
});
