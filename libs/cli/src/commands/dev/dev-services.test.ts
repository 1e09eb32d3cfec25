import { join } from 'node:path';
import { expect, it } from 'vitest';
import { databaseOf, devServices, sharedName } from './dev-services.ts';

const here = process.cwd();

it.each([
  ['orders.mts', 'orders', here],
  ['src/payments.ts', 'payments', here],
  ['orders/src/main.ts', 'orders', join(here, 'orders')],
  ['orders/index.mjs', 'orders', join(here, 'orders')],
])('the service of %s has the name %s, and its migrations beside it', (main, name, folder) => {
  const migrations = [join(folder, 'migrations', name), join(folder, 'migrations')];
  expect(devServices([main])).toEqual([{ main, name, migrations }]);
});

it('two services have two databases, so their names differ', () => {
  expect(sharedName(devServices(['a/orders.mts', 'b/payments.mts']))).toBeUndefined();
  expect(sharedName(devServices(['a/orders.mts', 'b/Orders.mts']))).toBe('Orders');
});

it('a database has the name of its service, as Postgres takes it', () => {
  expect(devServices(['My-Shop.mts']).map(databaseOf)).toEqual(['my_shop']);
});
