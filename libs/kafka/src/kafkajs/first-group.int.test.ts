import { embeddedKafka } from '@converge/testing';
import { expect, it } from 'vitest';
import { kafkajsBroker } from './kafkajs-broker.ts';

it('knows no offsets on a broker that never had a group, while the broker makes the topic for them', async () => {
  const kafka = await embeddedKafka();
  try {
    await kafka.start();
    const broker = kafkajsBroker({ brokers: [kafka.address], clientId: 'first-group' });
    const admin = await broker.admin();
    await admin.createTopic({ name: 'orders', partitions: 2 });
    expect(await admin.committed('nobody', 'orders')).toEqual(new Map());
    await broker.close();
  } finally {
    await kafka.dispose();
  }
});
