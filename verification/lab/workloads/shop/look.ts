import { placeOrderShape } from '../../../checker/sagas/shapes.ts';
import { listRepairs, type Repair } from '../../operator.ts';
import { type Count, lookAtServices, type Services } from '../../services.ts';
import type { Look } from '../../types.ts';
import { countHeld, orderStates } from './collect.ts';
import type { Shop } from './shop.ts';
import { sources } from './specs.ts';

/** The reconcilers that repair the shop. */
const RECONCILERS = ['stock-vs-orders', 'stock-counters', 'payments-vs-provider', 'order-list'];

export function servicesOf(shop: Shop): Services {
  return { ...shop, names: sources, shape: placeOrderShape, observedIn: 'orders' };
}

/** Counts everything that is open in a shop, and what consumers have not read yet. `drifted`: keys to be repaired. */
export function lookAtShop(shop: Shop, drifted = 0): Promise<Look> {
  return lookAtServices(servicesOf(shop), async (stuck): Promise<readonly Count[]> => [
    [(await orderStates(shop.databases))('placed') - stuck, 'orders are open'],
    [(await countHeld(shop.databases)) - stuck, 'orders hold stock'],
    [drifted === 0 ? 0 : drifted - (await repairsOf(shop)).length, 'keys have drifted'],
  ]);
}

/** What the reconcilers of a shop repaired. */
export function repairsOf(shop: Pick<Shop, 'urls' | 'providerUrl'>): Promise<readonly Repair[]> {
  return listRepairs(reconcileEnvOf(shop), RECONCILERS);
}

/** The environment of commands about the shop's reconcilers. */
export function reconcileEnvOf({ urls, providerUrl }: Pick<Shop, 'urls' | 'providerUrl'>) {
  return {
    CONVERGE__DATABASES__ORDERS: urls.orders,
    CONVERGE__DATABASES__INVENTORY: urls.inventory,
    CONVERGE__DATABASES__PAYMENTS: urls.payments,
    SHOP_PROVIDER_URL: providerUrl,
  };
}
