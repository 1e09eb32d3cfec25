import type { MigrationSet } from 'convergekit/postgres';
import { effectMigrations } from '@convergekit/service-common';

const set = (name: string): MigrationSet => ({
  name: `shop-${name}`,
  directory: new URL(`../sql/${name}/`, import.meta.url),
});

export type ShopService = 'orders' | 'inventory' | 'payments' | 'shipping' | 'provider';

/** The shop's own tables, one database per service. The kit's migrations run before them. */
export const shopMigrations: Readonly<Record<ShopService, readonly MigrationSet[]>> = {
  orders: [effectMigrations, set('orders')],
  inventory: [effectMigrations, set('inventory')],
  payments: [effectMigrations, set('payments')],
  shipping: [effectMigrations, set('shipping')],
  provider: [set('provider')],
};
