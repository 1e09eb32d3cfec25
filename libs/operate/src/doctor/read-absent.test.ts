import { memoryBroker } from '@convergekit/broker/testing';
import { expect, it } from 'vitest';
import { readAbsent } from './read-absent.ts';

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
  expect(await readAbsent(admin, partitions)).toEqual([
    {
      database: 'shop',
      severity: 'note',
      text: 'shop handles the failures of consumer bnak, which does not run and has no failure event: give bank to onFailure(…) if it is meant, or start the service that runs it',
      since: null,
      next: 'converge consumers list shop',
    },
  ]);
  await broker.close();
});
