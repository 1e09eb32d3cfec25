import type { Admin, Broker } from '@convergekit/broker';
import { type DriverName, kafkaBroker } from '@convergekit/kafka';
import { localBroker } from '@convergekit/local';
import { type Sample, sampled } from './growth.ts';

/** Opens the log at an address: `host:port[,…]` of Kafka, or the URL of the database of a local log. */
export function openLog(address: string, clientId: string, driver?: DriverName): Broker {
  if (isLocal(address)) return localBroker({ url: address, clientId });
  return kafkaBroker({ brokers: address.split(','), clientId, driver });
}

export async function withAdmin(address: string, work: (admin: Admin) => Promise<void>): Promise<void> {
  const broker = openLog(address, 'bench');
  try {
    await work(await broker.admin());
  } finally {
    await broker.close();
  }
}

export function isLocal(address: string): boolean {
  return address.startsWith('postgres');
}

/** Returns the environment by which a process of the kit finds the log at an address. */
export function logEnvironment(address: string): Record<string, string> {
  return isLocal(address)
    ? { CONVERGE__BROKER: 'local', CONVERGE__LOCAL__URL: address }
    : { KAFKA_BROKERS: address };
}

/** The number in a payload. */
const NUMBER = /"n":\s?(\d+)/;

/** Opens a topic that is measured by the ends of its partitions, so that every side is measured equally. */
export async function openTopic(brokers: string, topic: string, partitions: number) {
  const broker = openLog(brokers, 'bench');
  const admin = await broker.admin();
  await admin.createTopic({ name: topic, partitions });
  const count = async (): Promise<number> =>
    (await admin.logEnds(topic)).reduce((sum, ends) => sum + Number(ends.latest - ends.earliest), 0);
  return {
    topic,
    count,
    watch: (until: number, options: Omit<Parameters<typeof sampled>[2], 'what'>): Promise<Sample[]> =>
      sampled(count, until, { ...options, what: `reached ${topic}` }),
    content: () => contentOf(admin, topic),
    remove: () => admin.deleteTopic(topic).finally(() => broker.close()),
  };
}

/** Judges the content of a topic by the number in every payload. */
async function contentOf(admin: Admin, topic: string) {
  const lastOfKey = new Map<string, number>();
  const seen = new Set<number>();
  // Records that came after a higher number of their key.
  let outOfOrder = 0;
  for (const { partition, earliest, latest } of await admin.logEnds(topic))
    for await (const { key, value } of admin.read(topic, partition, earliest, latest)) {
      const number = Number(NUMBER.exec(value?.toString('latin1', 0, 40) ?? '')?.[1] ?? Number.NaN);
      const name = key?.toString() ?? '';
      seen.add(number);
      if (number < (lastOfKey.get(name) ?? -1)) outOfOrder += 1;
      else lastOfKey.set(name, number);
    }
  return { distinct: seen.size, outOfOrder };
}
