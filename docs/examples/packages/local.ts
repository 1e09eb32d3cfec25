import { consumerService, localBroker } from 'convergekit/process';
import type { ConsumerDefinition, Database } from 'convergekit';

/** Services that exchange events name the same log. */
export function serviceOf(consumer: ConsumerDefinition<object>, database: Database<object>) {
  const broker = localBroker({ url: 'postgres://localhost/events', clientId: 'payments' });
  return consumerService([consumer], { database, broker });
}
