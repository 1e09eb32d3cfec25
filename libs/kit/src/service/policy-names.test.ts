import { defineEvent } from '@convergekit/contracts';
import { defineCall, defineWorkflow, step } from '@convergekit/saga';
import { defineConsumer } from '@convergekit/inbox';
import { defineSaga } from '@convergekit/saga/declare';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { planOf } from './plan.ts';
import { checkPolicyNames } from './policy-names.ts';
import { runService } from './run-service.ts';

const data = z.object({ id: z.string() });
const event = (type: string) =>
  defineEvent(type, { version: 1, topic: 'books', key: ({ id }: z.infer<typeof data>) => id, data });
const [ordered, charged, declined] = [event('book.ordered'), event('book.charged'), event('book.declined')];
const call = defineCall('bank.take', {
  input: data,
  result: z.null(),
  idempotency: 'keyed',
  key: ({ id }) => id,
  call: () => Promise.resolve(null),
  query: () => Promise.resolve({ kind: 'not_found' }),
  compensate: () => Promise.resolve(),
});
const book = defineSaga('book', { start: ordered })
  .pivot('charge', { by: 'bank', success: charged, failure: declined, call: true })
  .retriable('send', { by: 'mail', success: event('book.sent') });
const bank = defineConsumer<object>('bank', { from: 'first' })
  .include(
    step(book.charge, {
      call,
      input: ({ event: { data: given } }) => given,
      outcome: (_, { event: { data: given } }) => charged(given),
    }),
  )
  .on(declined, () => undefined);
const tenant = defineWorkflow('tenant', {
  input: data,
  result: z.null(),
  steps: { bucket: call },
  body: (unit, input) => unit.step('bucket', input),
});

const check = (rule: string, fromVariables = false): void => {
  const layers = [{ source: 'environment', rules: { [rule]: { attempts: 2 } }, fromVariables }];
  const workflows = [tenant];
  const mailer = defineConsumer<object>('order-mailer', { from: 'first' }).on(ordered, () => undefined);
  const parts = { plan: planOf('shop', {}, [bank, mailer]), workflows, rules: { 'stock.read': {} } };
  checkPolicyNames('shop', layers, parts as never);
};

it.each([
  ...['default', 'consumer', 'consumer.bank', 'consumer.bank.book.declined', 'book', 'book.charge'],
  ...['book.charge.apply', 'book.charge.apply.query', 'tenant.bucket', 'tenant.bucket.undo'],
  ...['stock', 'stock.read', 'stock.read.late'],
])('a service accepts a policy of what it runs, or of a group of that: %s', (rule) => {
  expect(() => check(rule)).not.toThrow();
});

// Planted fault: without the shared spelling no variable names a consumer with a dash, and the error advises a name that none can.
it('a service accepts a policy of a variable whose name has no dash, and no such name of a file', () => {
  for (const rule of ['consumer.orderMailer', 'consumer.orderMailer.book.ordered'])
    expect(() => check(rule, true)).not.toThrow();
  expect(() => check('consumer.orderMailer')).toThrow('is the policy of nothing');
  expect(() => check('consumer.order.mailer', true)).toThrow('is the policy of nothing');
});

// Planted fault: without the check the policy is accepted, and the call keeps the kit's policy.
it.each(['bank', 'bank.take'])(
  'a service refuses a policy under the name of a call that it makes under another one: %s',
  (rule) => {
    expect(() => check(rule)).toThrow(
      `policies.${rule} (environment) is the policy of nothing that it runs; this call has the policy of its use: book.charge.apply`,
    );
  },
);

it.each([
  { rule: 'book.charge.aply', fix: 'did you mean book.charge.apply? Otherwise correct the name' },
  { rule: 'stocks', fix: 'it runs; correct the name' },
  { rule: 'warehouse.pack', fix: 'it runs; correct the name' },
])('a service refuses a policy under a name that nothing has: $rule', ({ rule, fix }) => {
  expect(() => check(rule)).toThrow(fix);
});

it('a service whose settings have such a policy does not start', async () => {
  const env = {
    DATABASE_URL: 'postgres://app@127.0.0.1:1/none',
    KAFKA_BROKERS: '127.0.0.1:1',
    CONVERGE__POLICIES__BANK__TAKE__ATTEMPTS: '2',
  };
  const running = runService('shop', { consumers: [bank] }, { env, argv: [] });
  await expect(running).rejects.toMatchObject({
    code: 'SERVICE_INVALID',
    message: expect.stringContaining('policies.bank.take (environment)') as string,
  });
});
