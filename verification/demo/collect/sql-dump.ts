import type { Executor } from '@convergekit/postgres';
import type { Effect, OutboxRow, StepFact } from '../audit/facts.ts';
import type { ShopFacts } from '../audit/shop-audit.ts';
import { type DatabaseName, sources } from '../process/specs.ts';

export type Executors = Readonly<Record<DatabaseName, { readonly executor: Executor }>>;

/** The highest id of each outbox. */
export async function outboxEnds(databases: Executors): Promise<ReadonlyMap<string, bigint>> {
  const ends = sources.map(async (source): Promise<[string, bigint]> => {
    const text = 'select coalesce(max(id), 0) as id from converge.outbox';
    const { rows } = await databases[source].executor.query<{ id: string }>(text);
    return [source, BigInt(rows[0]?.id ?? 0)];
  });
  return new Map(await Promise.all(ends));
}

/** Reads every outbox from its database. */
export async function dumpOutboxes(databases: Executors): Promise<readonly OutboxRow[]> {
  const all = await Promise.all(
    sources.map(async (source) => {
      const { rows } = await databases[source].executor.query<{
        id: string;
        event_id: string;
        topic: string;
        key: string;
        type: string;
        at: string;
      }>(
        `select id, event_id, topic, key, type, extract(epoch from created_at) * 1000 as at from converge.outbox order by id`,
      );
      return rows.map((row) => ({
        source,
        id: BigInt(row.id),
        eventId: row.event_id,
        topic: row.topic,
        key: row.key,
        type: row.type,
        createdAtMs: Number(row.at),
      }));
    }),
  );
  return all.flat();
}

/** Reads the effects that the handlers recorded in their transactions. */
export async function dumpEffects(databases: Executors): Promise<readonly Effect[]> {
  const all = await Promise.all(
    sources.map(async (source) => {
      const { rows } = await databases[source].executor.query<{
        consumer: string;
        act: string;
        event_id: string;
        event_type: string;
        at: string;
      }>(
        `select consumer, act, event_id, event_type, extract(epoch from at) * 1000 as at from effect order by id`,
      );
      return rows.map((row) => ({
        consumer: row.consumer,
        act: row.act,
        eventId: row.event_id,
        type: row.event_type,
        atMs: Number(row.at),
      }));
    }),
  );
  return all.flat();
}

/** Reads the states of the steps of all sagas. */
export async function dumpSteps(databases: Executors): Promise<readonly StepFact[]> {
  const all = await Promise.all(
    sources.map(async (source) => {
      const text = 'select consumer, step, instance, state from converge.saga_fence';
      return (await databases[source].executor.query<StepFact>(text)).rows;
    }),
  );
  return all.flat();
}

/** The business state of all services, and the provider's own ledger. */
export async function dumpShop(databases: Executors): Promise<ShopFacts> {
  const read = async <R>(name: DatabaseName, text: string): Promise<R[]> =>
    (await databases[name].executor.query<R>(text)).rows;
  const [orders, stock, reservations, payments, parcels, charges] = await Promise.all([
    read<ShopFacts['orders'][number]>(
      'orders',
      `select order_id as "orderId", state, total_cents as "totalCents", lines from orders`,
    ),
    read<ShopFacts['stock'][number]>(
      'inventory',
      `select sku, initial, on_hand as "onHand", reserved, shipped from stock order by sku`,
    ),
    read<ShopFacts['reservations'][number]>(
      'inventory',
      `select order_id as "orderId", sku, quantity, state from reservation`,
    ),
    read<ShopFacts['payments'][number]>(
      'payments',
      `select order_id as "orderId", state, amount_cents as "amountCents" from payment`,
    ),
    read<ShopFacts['parcels'][number]>('shipping', `select order_id as "orderId" from parcel`),
    read<ShopFacts['charges'][number]>(
      'provider',
      `select key as "orderId", state, amount_cents as "amountCents", refunded_cents as "refundedCents" from charge`,
    ),
  ]);
  return { orders, stock, reservations, payments, parcels, charges };
}

/** Terms that a lease has had beyond the first: how often another relay took over. */
export async function countTakeovers(databases: Executors): Promise<number> {
  const terms = await Promise.all(
    sources.map(async (source) => {
      const { rows } = await databases[source].executor.query<{ term: string }>(
        `select term from converge.lease where name = 'relay'`,
      );
      return Math.max(0, Number(rows[0]?.term ?? 1) - 1);
    }),
  );
  return terms.reduce((sum, term) => sum + term, 0);
}

/** Orders by state, and what still has to happen before all is quiet. */
export interface Standing {
  readonly placed: number;
  readonly confirmed: number;
  readonly cancelled: number;
}

export async function standing(databases: Executors): Promise<Standing> {
  const { rows } = await databases.orders.executor.query<{ state: string; n: string }>(
    'select state, count(*) as n from orders group by state',
  );
  const of = (state: string): number => Number(rows.find((row) => row.state === state)?.n ?? 0);
  return { placed: of('placed'), confirmed: of('confirmed'), cancelled: of('cancelled') };
}
