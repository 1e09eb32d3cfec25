import { defineReconciler, from, digestScan } from '@convergekit/reconcile';
import type { Kysely } from 'kysely';

interface OrderState {
  readonly state: string;
  readonly version: string;
}

interface Db {
  readonly orders: OrderState & { readonly key: string };
}

const read = async (key: string, db: Kysely<Db>): Promise<OrderState | null> =>
  (await db.selectFrom('orders').select(['state', 'version']).where('key', '=', key).executeTakeFirst()) ??
  null;
const side = { table: 'orders', key: 'key', columns: ['amount', 'state'] };

/** Reconciles the orders of a service under load: each second what was reported, and all orders once a minute. */
export const serviceOrders = defineReconciler('service-orders', {
  schedule: '* * * * * *',
  mode: 'repair',
  timing: { settleMs: 0 },
  limits: { share: 1, repairs: 1_000_000, always: 1_000_000 },
  keys: { scan: digestScan({ desired: side, actual: side, maxAgeMs: 60_000 }) },
  desired: from<Db>('wanted').read(read),
  actual: from<Db>('service').read(read),
  version: 'version',
  compare: (wanted, is) =>
    wanted === null || is === null || wanted.state === is.state ? null : { state: wanted.state },
  repair: ({ state }, { guard, key }) =>
    guard.update('orders', { key: { key }, version: 'version', set: { state } }),
});
