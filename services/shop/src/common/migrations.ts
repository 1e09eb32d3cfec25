import type { MigrationSet } from '@converge/postgres';

const set = (name: string): MigrationSet => ({
  name: `shop-${name}`,
  directory: new URL(`../../sql/${name}/`, import.meta.url),
});
const common = set('common');

export type ShopService = 'orders' | 'inventory' | 'payments' | 'shipping' | 'provider';

/** The shop's own tables, one database a service; the kit's own come before them. */
export const shopMigrations: Readonly<Record<ShopService, readonly MigrationSet[]>> = {
  orders: [common, set('orders')],
  inventory: [common, set('inventory')],
  payments: [common, set('payments')],
  shipping: [common, set('shipping')],
  provider: [set('provider')],
};
