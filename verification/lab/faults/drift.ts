import { systemRandom } from '@convergekit/core';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { type Draw, fault, type Fault, type Targets } from '../types.ts';

type Shop = Targets['shop'];
type Name = keyof Shop['databases'];

interface Key {
  readonly key: string;
}

/** One way to corrupt a database, like a bad script or a restored table. */
interface Corruption {
  readonly what: string;
  readonly database: Name;
  /** The reconciler that repairs it. */
  readonly reconciler: string;
  /** $1: the most keys, $2: orders that no step changes any more. */
  readonly sql: string;
}

const corruptions: readonly Corruption[] = [
  {
    what: 'lost reservation: shipped goods booked back as held',
    database: 'inventory',
    reconciler: 'stock-vs-orders',
    // Locks articles in the order of their names, as the shop's own writers do.
    sql: `
      with locked as (select sku from stock order by sku for update),
      picked as (
        select order_id from reservation where state = 'shipped' and exists (select from locked)
           and order_id::text = any ($2::text[]) group by order_id order by min(changed_at) limit $1),
      booked as (
        update reservation r set state = 'held', version = version + 1 from picked p
         where r.order_id = p.order_id and r.state = 'shipped' returning r.order_id, r.sku, r.quantity),
      sums as (select sku, sum(quantity)::int as quantity from booked group by sku),
      counted as (
        update stock s set reserved = s.reserved + u.quantity, shipped = s.shipped - u.quantity, version = s.version + 1
          from sums u where s.sku = u.sku returning s.sku)
      select distinct order_id::text as key from booked`,
  },
  {
    what: 'double refund: booked once more than the provider made it',
    database: 'payments',
    reconciler: 'payments-vs-provider',
    // A refund that is still to come would write over the corruption, and nothing be left to repair.
    sql: `
      update payment set refunded_cents = refunded_cents + amount_cents, changed_at = clock_timestamp()
       where order_id in (select order_id from payment where order_id::text = any ($2::text[]) order by changed_at limit $1)
      returning order_id::text as key`,
  },
  {
    what: 'stale read model: the order list forgot payments',
    database: 'orders',
    reconciler: 'order-list',
    sql: `
      update order_list set payment = 'none', changed_at = clock_timestamp()
       where order_id in (
         select order_id from order_list where payment = 'taken' and order_id::text = any ($2::text[])
          order by changed_at limit $1)
      returning order_id::text as key`,
  },
];

/** The shop's own writers run at the same time, so a deadlock repeats it. */
function repeated<T>(
  database: Database,
  { clock }: Pick<Draw, 'clock'>,
  fn: (tx: Executor) => Promise<T>,
): Promise<T> {
  return withTransaction(database, { clock, random: systemRandom, attempts: 10 }, fn);
}

/** Corrupts up to `most` keys in each of three ways. */
export function driftOf(most: number): Fault {
  return fault({
    name: 'drift-keys',
    about: `up to ${most} keys are corrupted by SQL in each of three ways: ${corruptions.map(({ what }) => what).join('; ')}`,
    needs: ['shop'],
    inject: async ({ shop: { databases, drifted } }, draw) => {
      const sql = `select order_id::text as key from orders where state = 'confirmed'`;
      const { rows } = await databases.orders.executor.query<Key>(sql);
      const confirmed = rows.map(({ key }) => key);
      let count = 0;
      for (const { what, database, reconciler, sql: text } of corruptions) {
        const corrupt = (tx: Executor) => tx.query<Key>(text, [most, confirmed]);
        const keys = (await repeated(databases[database], draw, corrupt)).rows.map(({ key }) => key);
        drifted({ what, reconciler, keys });
        count += keys.length;
      }
      return { what: `${count} keys` };
    },
  });
}

const heldSql = `
  with picked as (
    select order_id, sku, quantity from reservation where state = 'shipped' order by changed_at limit 1),
  booked as (
    update reservation r set state = 'held' from picked p where r.order_id = p.order_id and r.sku = p.sku
    returning r.order_id)
  update stock s set reserved = s.reserved + p.quantity, shipped = s.shipped - p.quantity, version = s.version + 1
  from picked p where s.sku = p.sku and exists (select from booked)`;

/** Changes counters and books goods of a shipped order back as held. Returns the number of keys that drift. */
export function driftCounters(inventory: Database, draw: Pick<Draw, 'clock'>): Promise<number> {
  return repeated(inventory, draw, async (tx) => {
    const counters = await tx.query(`update stock set reserved = reserved + 3 where sku in ('cup', 'tray')`);
    return counters.rowCount + (await tx.query(heldSql)).rowCount;
  });
}

export const driftedCounters = fault({
  name: 'drift-counters',
  about: 'two counters are wrong, and goods of a shipped order are booked back as held',
  needs: ['shop'],
  inject: async ({ shop: { databases, drifted } }, draw) => {
    const count = await driftCounters(databases.inventory, draw);
    const keys = Array.from({ length: count }, (_, index) => `key ${index + 1}`);
    drifted({ what: 'counters and a reservation', reconciler: undefined, keys });
    return { what: `${count} keys` };
  },
});
