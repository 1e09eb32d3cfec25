import type { Broker } from 'convergekit/kafka';
import type { ConsumerDefinition, Database } from 'convergekit';
import type { Outbox } from 'convergekit/postgres';
import { consumerService, relay } from 'convergekit/process';
import { ConvergeModule } from '@convergekit/nest';
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
