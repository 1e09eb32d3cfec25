import { ConvergeError, type PolicyBook, policyBook, type PolicyRules } from '@converge/resilience';
import { freshDatabase, waitUntil } from '@converge/testing';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { defineConsumer } from './define/define-consumer.ts';
import { FailureScene } from './fixture/failure-scene.ts';
import { type LedgerDb, tag, testEvents } from './fixture/ledger.ts';
import { consumerService } from './service/consumer-service.ts';

const name = `payments-${tag()}`;
const topic = `orders-${tag()}`;
const { counted } = testEvents(topic);
let scene: FailureScene;

beforeEach(async () => {
  const url = await freshDatabase(inject('stack').databaseUrl);
  scene = await FailureScene.open(url, [topic, `${name}.failures`]);
  return () => scene.close();
});
afterEach(() => {
  book = few(3);
});

const few = (attempts: number, rules: PolicyRules = {}): PolicyBook =>
  policyBook({ consumer: { attempts, backoff: { baseMs: 1, capMs: 2 } }, ...rules });
let book = few(3);
let tries: number[] = [];

/** The business: it does not change in this file, whatever the policies do. */
const payments = defineConsumer<LedgerDb>({ name, from: 'beginning' }).on(counted, (event) => {
  tries.push(event.data.n);
  // The first event lowers the attempts while it is in flight itself.
  if (event.data.n === 0) book = few(1);
  if (event.data.n === 1) book = few(1, { [`consumer.${name}.test.counted`]: { attempts: 2 } });
  throw new ConvergeError('not today', { code: 'X', category: 'bug', certainty: 'not_applied' });
});

it('attempts in place follow the policies without a restart; an event in flight keeps those it began with', async () => {
  tries = [];
  await scene.source.publish(
    scene.broker,
    [0, 1, 2].map((n) => counted({ key: `k${n}`, n })),
  );
  // Planted fault: a service that reads the policy once at its start tries each of them three times.
  const policies = { for: (policy: string) => book.for(policy) };
  await scene.start(payments, { inPlace: undefined, policies, sliceSize: 1 });
  await waitUntil(async () => (await scene.offset()) >= 3, { what: 'three events settled' });
  expect(tries).toEqual([0, 0, 0, 1, 2, 2]);
});

it('policies and fixed attempts in place contradict each other', () => {
  const { broker, database } = scene;
  expect(() =>
    consumerService([payments], { broker, database, policies: book, inPlace: { attempts: 1 } }),
  ).toThrow('keep one');
});
