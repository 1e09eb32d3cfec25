import { embeddedKafka } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { drivers } from '../fixture/drivers.ts';

it('knows no offsets on a broker that never had a group, while the broker makes the topic for them', async () => {
  const kafka = await embeddedKafka();
  try {
    await kafka.start();
    // One question is the first one, whoever asks it: the drivers share what is above a connection.
    const connect = drivers[0]![1];
    const broker = connect({ brokers: [kafka.address], clientId: 'first-group' });
    const admin = await broker.admin();
    await admin.createTopic({ name: 'orders', partitions: 2 });
    expect(await admin.committed('nobody', 'orders')).toEqual(new Map());
    await broker.close();
  } finally {
    await kafka.dispose();
  }
});
