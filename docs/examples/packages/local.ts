import { consumerService, type ConsumerDefinition } from '@convergekit/inbox';
import { localBroker } from '@convergekit/local';
import type { Database } from '@convergekit/postgres';

/** Services that exchange events name the same log. */
export function serviceOf(consumer: ConsumerDefinition<object>, database: Database<object>) {
  const broker = localBroker({ url: 'postgres://localhost/events', clientId: 'payments' });
  return consumerService([consumer], { database, broker });
}
