import { embeddedKafka } from '@convergekit/testing/engine';
import { expect, it } from 'vitest';
import { drivers } from '../fixture/drivers.ts';

it('an admin finds no offsets on a broker that never had a group, while the broker creates their topic', async () => {
  const kafka = await embeddedKafka();
  try {
    await kafka.start();
    // One driver suffices, since all share the code above a connection and only one request can be the first.
    const connect = drivers[0]![1];
    const broker = connect({ brokers: [kafka.address], clientId: 'first-group' });
    const admin = await broker.admin();
    await admin.createTopic({ name: 'orders', partitions: 2 });
    expect(await admin.committed('unknown', 'orders')).toEqual(new Map());
    await broker.close();
  } finally {
    await kafka.dispose();
  }
});
