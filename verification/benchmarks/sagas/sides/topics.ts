import type { Admin } from '@convergekit/broker';
import { openLog } from '../../measure/open-log.ts';
import { PARTITIONS } from '../../sides/side.ts';

export function makeTopics(brokers: string, names: readonly string[]): Promise<void> {
  return withAdmin(brokers, async (admin) => {
    for (const name of names) await admin.createTopic({ name, partitions: PARTITIONS });
  });
}

export function removeTopics(brokers: string, names: readonly string[]): Promise<void> {
  return withAdmin(brokers, async (admin) => {
    for (const name of names) await admin.deleteTopic(name);
  });
}

async function withAdmin(brokers: string, work: (admin: Admin) => Promise<void>): Promise<void> {
  const broker = openLog(brokers, 'bench');
  try {
    await work(await broker.admin());
  } finally {
    await broker.close();
  }
}
