import type { ShopService } from '../../services/shop/src/migrations.ts';
import type { Login } from './login-sql.ts';

/** A login, without its password. */
type Named = Omit<Login, 'password'>;

const service = (name: ShopService): Named => ({
  name: `${name}_service`,
  duties: name === 'provider' ? [] : ['consumer'],
  ownTables: true,
});
const relay = (name: ShopService): Named => ({ name: `${name}_relay`, duties: ['relay'], ownTables: false });
/** Reads the tables of the services, and repairs. */
const reconciler: Named = { name: 'reconciler', duties: ['reconciler'], ownTables: true };
const observer: Named = { name: 'observer', duties: ['consumer'], ownTables: false };
const console: Named = { name: 'console', duties: ['read'], ownTables: false };

/** The logins of each database of the shop: one for each process, with the rights of its duty. */
export const shopLogins: Readonly<Record<ShopService, readonly Named[]>> = {
  orders: [service('orders'), relay('orders'), reconciler, observer, console],
  inventory: [service('inventory'), relay('inventory'), reconciler, console],
  payments: [service('payments'), relay('payments'), reconciler, console],
  shipping: [service('shipping'), relay('shipping'), console],
  provider: [service('provider')],
};
