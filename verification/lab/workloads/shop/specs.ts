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

/** The names of the processes. Orders has two relays: one leads, one stands by. */
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
type ProcessName = (typeof processNames)[number];

/** The specs of all processes of the shop, configured by environment alone. Their health ports are found before. */
export function processSpecs(at: Addresses, healthPorts: readonly number[]): readonly ProcessSpec[] {
  return processNames.map((name, index) => {
    const env = { ...at.log, ...environmentOf(name, at) };
    return { name, main: mainOf(name), env, healthPort: healthPorts[index] ?? 0 };
  });
}

function mainOf(name: ProcessName): string {
  if (name === 'reconciler') return file('reconciler/src/main.ts');
  return name.startsWith('relay-') ? file('relay/src/main.ts') : file(`shop/src/${name}/main.ts`);
}

function environmentOf(name: ProcessName, at: Addresses): Record<string, string> {
  const { provider, logins, ordersPort, providerPort } = at;
  const providerUrl = `http://127.0.0.1:${providerPort}`;
  const relayed = sources.find((source) => name.startsWith(`relay-${source}`));
  if (relayed !== undefined) return { DATABASE_URL: logins[relayed].relay };
  const own = sources.find((source) => source === name);
  if (own !== undefined)
    return {
      DATABASE_URL: logins[own].service,
      ...NO_GIVE_UP_LIMIT,
      ...(own === 'orders' && { CONVERGE__HTTP__PORT: String(ordersPort) }),
      ...(own === 'payments' && { CONVERGE__PROVIDER__URL: providerUrl }),
    };
  if (name === 'provider') return { DATABASE_URL: provider, CONVERGE__HTTP__PORT: String(providerPort) };
  if (name === 'observer') return { DATABASE_URL: logins.orders.service };
  return {
    DATABASE_URL: logins.inventory.reconciler,
    CONVERGE__MODULES: file('shop/src/reconcilers/index.ts'),
    CONVERGE__DATABASES__ORDERS: logins.orders.reconciler,
    CONVERGE__DATABASES__INVENTORY: logins.inventory.reconciler,
    CONVERGE__DATABASES__PAYMENTS: logins.payments.reconciler,
    SHOP_PROVIDER_URL: providerUrl,
  };
}
