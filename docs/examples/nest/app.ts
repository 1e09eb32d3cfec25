import { ConvergeModule, withOutbox } from '@convergekit/nest';
import { ClsPluginTransactional, type TransactionalAdapter } from '@nestjs-cls/transactional';
import { TransactionalAdapterDrizzleOrm } from '@nestjs-cls/transactional-adapter-drizzle-orm';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Broker } from 'convergekit/kafka';
import type { Database } from 'convergekit';
import { consumerService, relay } from 'convergekit/process';
import { executorFrom } from 'convergekit/postgres';
import { sql } from 'drizzle-orm';
import { drizzle, type NodePgTransaction } from 'drizzle-orm/node-postgres';
import { ClsModule } from 'nestjs-cls';
import { Orders, OrdersController } from './orders.ts';
import { Billing, billingConsumer, type Db, outbox } from './shop.ts';

/** The token of Drizzle. */
const DRIZZLE = Symbol('drizzle');

/** What several modules use: Drizzle on the pool of the kit, and billing. */
const sharedModule = (database: Database): DynamicModule => ({
  module: class SharedModule {},
  providers: [
    { provide: DRIZZLE, useFactory: () => drizzle(database.pool) },
    { provide: Billing, useFactory: () => new Billing() },
  ],
  exports: [DRIZZLE, Billing],
});

type Tx = NodePgTransaction<Record<string, never>, Record<string, never>>;

/** The application. It runs its relay and its consumer itself. */
export function appModule(database: Database, broker: Broker): DynamicModule {
  const shared = sharedModule(database);
  return {
    module: AppModule,
    imports: [
      shared,
      ClsModule.forRoot({
        global: true,
        plugins: [
          new ClsPluginTransactional({
            imports: [shared],
            adapter: withOutbox(new TransactionalAdapterDrizzleOrm<Db>({ drizzleInstanceToken: DRIZZLE }), {
              outbox,
              executor: (tx) => executorFrom.drizzle(tx as Tx, sql),
              // The types of the adapter do not know `exactOptionalPropertyTypes`.
            }) as TransactionalAdapter<Db, Db, object>,
          }),
        ],
      }),
      ConvergeModule.forRootAsync({
        imports: [shared],
        inject: [Billing],
        useFactory: (billing: Billing) => ({
          outbox,
          database,
          services: [
            relay({ database, broker }),
            consumerService([billingConsumer(billing)], { database, broker }),
          ],
        }),
      }),
    ],
    providers: [Orders],
    controllers: [OrdersController],
  };
}

class AppModule {}
Module({})(AppModule);
