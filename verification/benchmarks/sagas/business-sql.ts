import type { Client } from 'pg';
import type { Outcome, ServiceName } from './order.ts';

/** The services of the order saga that have tables of their own. */
export type Owner = Exclude<ServiceName, 'payments'>;

/** The business tables, the same for every side. `seq` lets a reader follow the ends as they are committed. */
export const BUSINESS_TABLES: Readonly<Record<Owner, string>> = {
  stock: `
    create table reservation (
      order_id text primary key,
      quantity integer not null check (quantity > 0),
      state    text not null check (state in ('held', 'released'))
    )`,
  warehouse: `
    create table allocation (
      order_id text primary key,
      quantity integer not null check (quantity > 0)
    )`,
  orders: `
    create table order_end (
      order_id text primary key,
      outcome  text not null check (outcome in ('completed', 'refused')),
      seq      bigint generated always as identity,
      at       timestamptz not null default clock_timestamp()
    );
    create index order_end_seq on order_end (seq)`,
};

// The statements of sides that repeat a step after a crash: a repeat changes nothing. One row by its primary key each.
export const RESERVE = `insert into reservation (order_id, quantity, state) values ($1, $2, 'held') on conflict do nothing`;
export const RELEASE = `update reservation set state = 'released' where order_id = $1`;
export const ALLOCATE = `insert into allocation (order_id, quantity) values ($1, $2) on conflict do nothing`;
export const END = `insert into order_end (order_id, outcome) values ($1, $2) on conflict do nothing`;

/** A row of `order_end`, as the follower reads it. */
export interface EndRow {
  readonly seq: number;
  readonly orderId: string;
  readonly outcome: Outcome;
}

/**
 * Begins the one transaction of all reads of a session, so that they add no transactions to the side's. Each statement
 * has a snapshot of its own, and nothing is held back between them.
 */
export async function beginReading(client: Client): Promise<void> {
  await client.query('begin isolation level read committed read only');
}

/** Reads the ends from `seq` on, by the index: without locks, some rows a call. Prepared once for each session. */
export async function readEnds(client: Client, fromSeq: number): Promise<readonly EndRow[]> {
  const { rows } = await client.query<{ seq: string; order_id: string; outcome: Outcome }>({
    name: 'read-ends',
    text: 'select seq, order_id, outcome from order_end where seq >= $1 order by seq',
    values: [fromSeq],
  });
  return rows.map(({ seq, order_id: orderId, outcome }) => ({ seq: Number(seq), orderId, outcome }));
}

/** The rows that are judged, by their service and their statement. */
export const JUDGED = {
  ends: ['orders', 'select order_id as "orderId", outcome from order_end'],
  reservations: ['stock', 'select order_id as "orderId", quantity, state from reservation'],
  allocations: ['warehouse', 'select order_id as "orderId", quantity from allocation'],
} as const satisfies Record<string, readonly [Owner, string]>;
