import { memoryBroker } from '@convergekit/broker/testing';
import { expect, it } from 'vitest';
import { missingTopicsIn, requireLeaders, topicsMissing } from './topics.ts';

it.each([
  ['creates missing topics in development', 'development', undefined, 'create'],
  ['refuses to start without its topics in production', 'production', undefined, 'check'],
  ['refuses to start without its topics where no mode is set', undefined, undefined, 'check'],
  ['that declares `check` refuses in development, too', 'development', 'check', 'check'],
  ['that declares `create` creates topics in production', 'production', 'create', 'create'],
] as const)('a service %s', (_, mode, declared, expected) => {
  expect(missingTopicsIn({ NODE_ENV: mode }, declared)).toBe(expected);
});

it('the refusal of a start without a failure topic asks for the name of the consumer before it says how to create the topic', () => {
  const { message } = topicsMissing('shop', ['orders', 'bnak.failures'], ['bnak', 'mail']);
  expect(message).toMatch(
    /no topic orders, bnak\.failures: if onFailure\(…\) was given the right name of consumer bnak, which never ran on this broker, create with `converge topics create orders bnak\.failures/,
  );
  expect(topicsMissing('shop', ['orders'], ['mail']).message).not.toContain('onFailure');
});

// Before it, each service of the demo ended at its start with NOT_LEADER while its broker had lost its leaders.
it('topics of which a partition has no leader reject with an error that is waited for, until it has one', async () => {
  const broker = memoryBroker();
  const admin = await broker.admin();
  for (const name of ['orders', 'payments']) await admin.createTopic({ name, partitions: 2 });
  broker.offline.add('payments/1');
  await expect(requireLeaders(admin, ['orders', 'payments'])).rejects.toMatchObject({
    code: 'LEADER_NOT_AVAILABLE',
    kind: 'retry',
    topic: 'payments',
    partition: 1,
  });
  broker.offline.clear();
  await requireLeaders(admin, ['orders', 'payments']);
  await broker.close();
});
