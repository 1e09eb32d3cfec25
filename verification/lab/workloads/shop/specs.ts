import { NO_GIVE_UP_LIMIT, type ProcessSpec, serviceFile as file } from '../../process.ts';
import type { Logins } from './logins.ts';

export const sources = ['orders', 'inventory', 'payments', 'shipping'] as const;
export type Source = (typeof sources)[number];
export type DatabaseName = Source | 'provider';
export const databaseNames: readonly DatabaseName[] = [...sources, 'provider'];

export interface Addresses {
  /** The URL of the provider's database, which belongs to another company. */
  readonly provider: string;
  readonly logins: Readonly<Record<Source, Logins>>;
  /** The settings of the log: KAFKA_BROKERS, or those of local mode. */
  readonly log: Readonly<Record<string, string>>;
  readonly ordersPort: number;
  readonly providerPort: number;
}

/** The names of the processes: health ports are found before the specs are made. */
export const processNames = [
  'provider',
  ...sources,
  'observer',
  'relay-orders-a',
  'relay-orders-b',
  'relay-inventory',
  'relay-payments',
  'relay-shipping',
  'reconciler',
] as const;

/**
 * The specs of all processes of the shop, configured by environment alone. Orders has two relays: one leads, one stands
 * by.
 */
export function processSpecs(at: Addresses, healthPorts: readonly number[]): readonly ProcessSpec[] {
  return processNames.map((name, index) => {
    const healthPort = healthPorts[index] ?? 0;
    const env = {
      ...at.log,
      CONVERGE__HEALTH__PORT: String(healthPort),
      ...environmentOf(name, at),
    };
    return { name, main: mainOf(name), env, healthPort };
  });
}

type ProcessName = (typeof processNames)[number];

function mainOf(name: ProcessName): string {
  if (name === 'reconciler') return file('reconciler/src/main.ts');
  return name.startsWith('relay-') ? file('relay/src/main.ts') : file(`shop/src/${name}/main.ts`);
}

function environmentOf(name: ProcessName, at: Addresses): Record<string, string> {
  const { provider, logins, ordersPort, providerPort } = at;
  switch (name) {
    case 'provider':
      return { DATABASE_URL: provider, CONVERGE__HTTP__PORT: String(providerPort) };
    case 'orders':
      return {
        DATABASE_URL: logins.orders.service,
        CONVERGE__HTTP__PORT: String(ordersPort),
        ...NO_GIVE_UP_LIMIT,
      };
    case 'observer':
      return { DATABASE_URL: logins.orders.service };
    case 'payments':
      return {
        DATABASE_URL: logins.payments.service,
        CONVERGE__PROVIDER__URL: `http://127.0.0.1:${providerPort}`,
        ...NO_GIVE_UP_LIMIT,
      };
    case 'inventory':
    case 'shipping':
      return { DATABASE_URL: logins[name].service, ...NO_GIVE_UP_LIMIT };
    case 'relay-orders-a':
    case 'relay-orders-b':
      return { DATABASE_URL: logins.orders.relay };
    case 'relay-inventory':
      return { DATABASE_URL: logins.inventory.relay };
    case 'relay-payments':
      return { DATABASE_URL: logins.payments.relay };
    case 'relay-shipping':
      return { DATABASE_URL: logins.shipping.relay };
    case 'reconciler':
      return {
        DATABASE_URL: logins.inventory.reconciler,
        CONVERGE__MODULES: file('shop/src/reconcilers/index.ts'),
        CONVERGE__DATABASES__ORDERS: logins.orders.reconciler,
        CONVERGE__DATABASES__INVENTORY: logins.inventory.reconciler,
        CONVERGE__DATABASES__PAYMENTS: logins.payments.reconciler,
        SHOP_PROVIDER_URL: `http://127.0.0.1:${providerPort}`,
      };
  }
}
