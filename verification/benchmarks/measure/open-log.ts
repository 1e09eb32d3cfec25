import type { Admin, Broker } from '@convergekit/broker';
import { type DriverName, kafkaBroker } from '@convergekit/kafka';
import { localBroker } from '@convergekit/local';

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
