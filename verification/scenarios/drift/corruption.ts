import { systemClock, systemRandom } from '@convergekit/core';
import { type Executor, withTransaction } from '@convergekit/postgres';
import type { Source } from '../../demo/process/specs.ts';
import type { World } from '../../demo/world.ts';

/** One way to corrupt a database, like a bad script or a restored table. */
export interface Corruption {
  readonly name: string;
  readonly source: Source;
  /** The reconciler that repairs it. */
  readonly reconciler: string;
  /** Corrupts up to `most` keys and returns them. `confirmed`: orders that no step changes any more. */
  corrupt(tx: Executor, most: number, confirmed: readonly string[]): Promise<readonly string[]>;
}

interface Key {
  readonly key: string;
}

const keysOf = async (tx: Executor, text: string, ...values: unknown[]): Promise<readonly string[]> => {
  const { rows } = await tx.query<Key>(text, values);
  return [...new Set(rows.map(({ key }) => key))];
};

// Locks articles in the order of their names, as the shop's own writers do.
const lostReservationSql = `
  with locked as (select sku from stock order by sku for update),
  picked as (
    select order_id from reservation where state = 'shipped' and exists (select from locked)
     group by order_id order by min(changed_at) limit $1),
  booked as (
    update reservation r set state = 'held', version = version + 1 from picked p
     where r.order_id = p.order_id and r.state = 'shipped' returning r.order_id, r.sku, r.quantity),
  sums as (select sku, sum(quantity)::int as quantity from booked group by sku),
  counted as (
    update stock s set reserved = s.reserved + u.quantity, shipped = s.shipped - u.quantity, version = s.version + 1
      from sums u where s.sku = u.sku returning s.sku)
  select order_id::text as key from booked`;

// A refund that is still to come would write over the corruption, and nothing be left to repair.
const doubleRefundSql = `
  update payment set refunded_cents = refunded_cents + amount_cents, changed_at = clock_timestamp()
   where order_id in (select order_id from payment where order_id::text = any ($2::text[]) order by changed_at limit $1)
  returning order_id::text as key`;

const staleListSql = `
  update order_list set payment = 'none', changed_at = clock_timestamp()
   where order_id in (
     select l.order_id from order_list l join orders o on o.order_id = l.order_id
      where l.payment = 'taken' and o.state = 'confirmed' order by l.changed_at limit $1)
  returning order_id::text as key`;

export const corruptions: readonly Corruption[] = [
  {
    name: 'lost reservation: shipped goods booked back as held',
    source: 'inventory',
    reconciler: 'stock-vs-orders',
    corrupt: (tx, most) => keysOf(tx, lostReservationSql, most),
  },
  {
    name: 'double refund: booked once more than the provider made it',
    source: 'payments',
    reconciler: 'payments-vs-provider',
    corrupt: (tx, most, confirmed) => keysOf(tx, doubleRefundSql, most, confirmed),
  },
  {
    name: 'stale read model: the order list forgot payments',
    source: 'orders',
    reconciler: 'order-list',
    corrupt: (tx, most) => keysOf(tx, staleListSql, most),
  },
];

/** Corrupts keys of every kind. The shop's own writers run at the same time, so a deadlock repeats it. */
export async function corruptAll(
  world: World,
  most: number,
): Promise<ReadonlyMap<Corruption, readonly string[]>> {
  const rerun = { clock: systemClock, random: systemRandom, attempts: 10 };
  const { executor } = world.databases.orders;
  const { rows } = await executor.query<Key>(
    `select order_id::text as key from orders where state = 'confirmed'`,
  );
  const confirmed = rows.map(({ key }) => key);
  const corrupted = new Map<Corruption, readonly string[]>();
  for (const one of corruptions)
    corrupted.set(
      one,
      await withTransaction(world.databases[one.source], rerun, (tx) => one.corrupt(tx, most, confirmed)),
    );
  return corrupted;
}
