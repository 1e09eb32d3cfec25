import type { Broker } from '@convergekit/broker';
import { type ConsumerDefinition, consumerService } from '@convergekit/inbox';
import { ConvergeModule } from '@convergekit/nest';
import type { Outbox } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { relay } from '@convergekit/relay';
import type { DynamicModule } from '@nestjs/common';

/** A module for the imports of the application: it runs the relay and a consumer, and provides the outbox. */
export const convergeModule = (
  database: Database,
  broker: Broker,
  outbox: Outbox,
  consumer: ConsumerDefinition<unknown>,
): DynamicModule =>
  ConvergeModule.forRoot({
    outbox,
    database,
    services: [relay({ database, broker }), consumerService([consumer], { database, broker })],
  });
