import { fileURLToPath } from 'node:url';
import { freePorts } from '@convergekit/testing/engine';
import { isReady } from '../../../programs.ts';
import type { DbosInput } from '../rivals/dbos-main.ts';
import type { ServiceInput } from '../rivals/service-main.ts';
import { makeDatabases, openSide } from './open-side.ts';
import { nodeProcess } from './processes.ts';
import type { Layout, SagaSide } from './side.ts';

const MAIN = fileURLToPath(new URL('../rivals/dbos-main.ts', import.meta.url));
const SERVICE_MAIN = fileURLToPath(new URL('../rivals/service-main.ts', import.meta.url));

/** The services beside `orders`, whose process runs the workflow in layout B. */
const OTHERS = ['stock', 'payments', 'warehouse'] as const;

/**
 * DBOS; its own tables are in the database of the orders. In layout B the workflow calls three plain services by HTTP,
 * whose handlers may be repeated.
 */
export function dbos(folder: string, layout: Layout): SagaSide {
  return {
    name: `DBOS ${layout}`,
    layout,
    ours: false,
    kafka: false,
    open: async (place) => {
      const { providerUrl } = place;
      const urls = await makeDatabases(place, layout);
      const [port = 0, stock = 0, payments = 0, warehouse = 0] = await freePorts(4);
      const ports = { stock, payments, warehouse };
      const services = { stock: urlAt(stock), payments: urlAt(payments), warehouse: urlAt(warehouse) };
      const start = (name: string, main: string, of: ServiceInput | DbosInput) =>
        nodeProcess(place.folder, {
          name,
          main,
          input: of,
          ready: () => isReady(`${urlAt(of.port)}/ready`),
          env: { NODE_OPTIONS: '', NODE_ENV: 'production' },
        });
      const others = OTHERS.map((name) =>
        start(`dbos-${name}`, SERVICE_MAIN, { databaseUrl: urls[name], providerUrl, port: ports[name] }),
      );
      const input: DbosInput = { folder, databaseUrl: urls.orders, providerUrl, port };
      const alone = layout === 'A';
      const orders = start('dbos', MAIN, alone ? input : { ...input, services });
      return openSide(place, {
        layout,
        workers: alone ? [orders] : [orders, ...others],
        urls,
        orders: `${urlAt(port)}/orders`,
      });
    },
  };
}

function urlAt(port: number): string {
  return `http://127.0.0.1:${port}`;
}
