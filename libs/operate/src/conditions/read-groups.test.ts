import { memoryBroker } from '@convergekit/broker/testing';
import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { BRIEF_MS, RESTART_MS } from './bounds.ts';
import { readAbsent } from './read-absent.ts';
import { readConsumers } from './read-groups.ts';

it('a consumer whose failures are handled is named by the doctor while it neither runs nor has a failure event', async () => {
  const broker = memoryBroker();
  const admin = await broker.admin();
  const failing = ['bnak', 'shop', 'mail'];
  for (const name of failing) await admin.createTopic({ name: `${name}.failures`, partitions: 1 });
  const producer = await broker.producer();
  const records = [{ key: 'k', value: '{}', headers: [], timestampMs: 0 }];
  await producer.send([{ topic: 'mail.failures', partition: 0, records }]);
  const of = (consumer: string, topic: string) => ({ database: 'shop', consumer, topic });
  const partitions = [
    of('bank', 'orders'),
    of('shop', 'orders'),
    of('shop', 'gone.failures'),
    ...failing.map((name) => of('shop', `${name}.failures`)),
  ];
  expect(await readAbsent(admin, partitions)).toMatchObject([
    {
      database: 'shop',
      alarm: 'onfailure_unknown',
      severity: 'note',
      text: 'shop handles the failures of consumer bnak, which does not run and has no failure event: give bank to onFailure(…) if it is meant, or start the service that runs it',
      since: null,
      next: 'converge consumers list shop',
    },
  ]);
  await broker.close();
});

// Planted fault: a hot partition is silent until its oldest record is ten minutes old.
it('a partition with ten times the records of the others is named after a minute, and a consumer without a process after its restart', async () => {
  const broker = memoryBroker();
  const admin = await broker.admin();
  await admin.createTopic({ name: 'orders', partitions: 2 });
  const producer = await broker.producer();
  const records = Array.from({ length: 1_000 }, () => ({
    key: 'k',
    value: '{}',
    headers: [],
    timestampMs: 5_000,
  }));
  await producer.send([{ topic: 'orders', partition: 1, records }]);
  const partitions = [0, 1].map((partition) => ({
    database: 'shop',
    consumer: 'stock',
    topic: 'orders',
    partition,
    nextOffset: 0n,
    halted: null,
    waits: null,
    paused: false,
    watermarks: [],
    parkedKeys: 0,
    openGaps: 0,
  }));
  const foundAt = async (ms: number) =>
    (await readConsumers(admin, partitions, 5_000 + ms)).map(({ alarm, severity }) => `${alarm} ${severity}`);
  expect(await foundAt(RESTART_MS - 1)).toEqual(['consumer_gone note']);
  expect(await foundAt(RESTART_MS)).toEqual(['consumer_gone act']);
  const consumer = broker.consumer({
    groupId: 'stock',
    topics: ['orders'],
    handlers: {
      assigned: (places) =>
        Promise.resolve(new Map(places.map((at) => [`${at.topic}/${at.partition}`, 'committed' as const]))),
      batch: () => Promise.resolve(),
      revoked: () => undefined,
    },
  });
  await consumer.start();
  await waitUntil(async () => (await admin.members('stock')).length > 0, { what: 'a member of the group' });
  expect(await foundAt(BRIEF_MS - 1)).toEqual([]);
  expect(await foundAt(BRIEF_MS)).toEqual(['partition_hot watch']);
  await consumer.stop();
  await broker.close();
});
