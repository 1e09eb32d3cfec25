import { kafkaBroker } from '@convergekit/kafka';
import type { Admin } from '@convergekit/broker';
import { PARTITIONS } from '../../sides/side.ts';
import type { SagaPlace } from './side.ts';

type Brokers = Pick<SagaPlace, 'brokers'>;

export function makeTopics(place: Brokers, names: readonly string[]): Promise<void> {
  return withAdmin(place, async (admin) => {
    for (const name of names) await admin.createTopic({ name, partitions: PARTITIONS });
  });
}

export function removeTopics(place: Brokers, names: readonly string[]): Promise<void> {
  return withAdmin(place, async (admin) => {
    for (const name of names) await admin.deleteTopic(name);
  });
}

async function withAdmin({ brokers }: Brokers, work: (admin: Admin) => Promise<void>): Promise<void> {
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'bench' });
  try {
    await work(await broker.admin());
  } finally {
    await broker.close();
  }
}
