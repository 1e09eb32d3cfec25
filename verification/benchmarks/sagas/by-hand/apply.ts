import type { Pool, PoolClient } from 'pg';
import { ALLOCATE, END, RELEASE, RESERVE } from '../business-sql.ts';
import type { Order } from '../order.ts';
import { emit, inTransaction, isNew } from './outbox.ts';
import { type EventType, type Reactions, type Row, TOPIC_OF } from './reactions.ts';

/** A received event. */
export interface Received {
  readonly id: string;
  readonly type: EventType;
  readonly order: Order;
}

type Apply = (
  pool: Pool,
  own: Reactions,
  events: readonly Received[],
  committed: () => void,
) => Promise<void>;

/** Applies one event after the other: the call, then one transaction with dedup, row and event. */
export const applyEach: Apply = async (pool, own, events, committed) => {
  for (const { id, type, order } of events) {
    const { call, row, emits } = own[type]?.(order) ?? {};
    await call?.();
    await inTransaction(pool, async (client) => {
      if (!(await isNew(client, id))) return;
      if (row !== undefined) await write(client, order, row);
      if (emits !== undefined) await emit(client, emits, order);
    });
    committed();
  }
};

async function write(client: PoolClient, { orderId }: Order, row: Row): Promise<void> {
  switch (row.kind) {
    case 'reserve':
      await client.query(RESERVE, [orderId, row.quantity]);
      return;
    case 'release':
      await client.query(RELEASE, [orderId]);
      return;
    case 'allocate':
      await client.query(ALLOCATE, [orderId, row.quantity]);
      return;
    case 'end':
      await client.query(END, [orderId, row.outcome]);
  }
}

/** The rows of many events, of which `fresh` has those that are new. */
const ROWS: Readonly<Record<Row['kind'], string>> = {
  reserve: `insert into reservation (order_id, quantity, state) select key, quantity, 'held' from fresh`,
  release: `update reservation set state = 'released' from fresh where order_id = key`,
  allocate: `insert into allocation (order_id, quantity) select key, quantity from fresh where quantity is not null`,
  end: `insert into order_end (order_id, outcome) select key, outcome from fresh`,
};

function statementOf(kind: Row['kind'] | undefined): string {
  return `
    with given as (
      select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[])
             as e(event_id, key, quantity, outcome, topic, type, payload)),
    new as (insert into processed (event_id) select event_id from given on conflict do nothing returning event_id),
    fresh as (select given.* from given join new using (event_id)),
    made as (${kind === undefined ? 'select' : ROWS[kind]})
    insert into outbox (topic, key, type, payload) select topic, key, type, payload from fresh where type is not null`;
}

/** Applies all events of one type by one statement, after their calls, which go side by side. */
export const applyBatch: Apply = async (pool, own, events, committed) => {
  for (const type of new Set(events.map((one) => one.type))) {
    const group = events.flatMap((one) => {
      const reaction = one.type === type ? own[type]?.(one.order) : undefined;
      return reaction === undefined ? [] : [{ ...one, ...reaction }];
    });
    await Promise.all(group.flatMap(({ call }) => (call === undefined ? [] : [call()])));
    const kind = group.find(({ row }) => row !== undefined)?.row?.kind;
    await pool.query(statementOf(kind), [
      group.map(({ id }) => id),
      group.map(({ order }) => order.orderId),
      group.map(({ row }) => (row !== undefined && 'quantity' in row ? row.quantity : null)),
      group.map(({ row }) => (row?.kind === 'end' ? row.outcome : null)),
      group.map(({ emits }) => (emits === undefined ? null : TOPIC_OF[emits])),
      group.map(({ emits }) => emits ?? null),
      group.map(({ order }) => JSON.stringify(order)),
    ]);
    committed();
  }
};
