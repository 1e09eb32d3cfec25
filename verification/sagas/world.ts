import type { Database } from '@convergekit/postgres';
import type { Stack } from '@convergekit/testing';
import type { Child } from '../demo/process/child.ts';
import { startAll } from '../demo/process/prepare.ts';
import { sources as shopSources } from '../demo/process/specs.ts';
import { buildWorld, type World as Shop } from '../demo/world.ts';
import { type Banks, banks as bankNames, buildBanks } from './banks.ts';
import type { Exposed } from './weather.ts';

/** Both samples on one Postgres and one Kafka. */
export interface World {
  readonly shop: Shop;
  readonly banks: Banks;
  /** Databases that have an outbox, by name. */
  readonly sources: ReadonlyMap<string, Database>;
  readonly children: readonly Child[];
  /** The places where steps can be made to fail. */
  readonly exposed: readonly Exposed[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function buildSamples(options: {
  readonly stack: Pick<Stack, 'databaseUrl' | 'brokers' | 'kafkaTools'>;
  readonly logFolder: string;
}): Promise<World> {
  const shop = await buildWorld(options);
  const { stack, logFolder } = options;
  const banks = await buildBanks({
    serverUrl: stack.databaseUrl,
    broker: shop.broker,
    brokers: stack.brokers,
    logFolder,
  });
  const sources = new Map<string, Database>([
    ...shopSources.map((name) => [name, shop.databases[name]] as const),
    ...bankNames.map((name) => [name, banks.databases[name]] as const),
  ]);
  // The reconciler does not run: all must come out right without repairs.
  const children = [...shop.children.filter(({ spec }) => spec.name !== 'reconciler'), ...banks.children];
  return {
    shop,
    banks,
    sources,
    children,
    exposed: exposedOf(shop, banks),
    start: () => startAll(children, options.logFolder),
    stop: async () => {
      await Promise.all([shop.stop(), banks.stop()]);
    },
  };
}

function exposedOf({ databases: shop }: Shop, { databases: bank }: Banks): readonly Exposed[] {
  const { inventory, payments, shipping, orders } = shop;
  return [
    { database: inventory, table: 'reservation', when: 'insert', key: 'order_id', forGood: 10 },
    { database: inventory, table: 'reservation', when: 'update', key: 'order_id' },
    { database: payments, table: 'payment', when: 'insert', key: 'order_id' },
    { database: shipping, table: 'parcel', when: 'insert', key: 'order_id', forGood: 20 },
    {
      database: orders,
      table: 'orders',
      when: 'update',
      key: 'order_id',
      only: `new.state = 'confirmed'`,
      forGood: 3,
    },
    { database: bank.giro, table: 'movement', when: 'insert', key: 'transfer_id', only: `new.kind = 'sent'`, forGood: 10 }, // prettier-ignore
    {
      database: bank.giro,
      table: 'movement',
      when: 'insert',
      key: 'transfer_id',
      only: `new.kind = 'returned'`,
    },
    { database: bank.savings, table: 'movement', when: 'insert', key: 'transfer_id', forGood: 20 },
    { database: bank.giro, table: 'transfer', when: 'update', key: 'transfer_id', only: `new.state = 'settled'`, forGood: 2 }, // prettier-ignore
  ];
}
