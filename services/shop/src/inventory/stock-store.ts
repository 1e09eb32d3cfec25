import type { StockLine } from '@convergekit/schemas';
import { ConvergeError } from 'convergekit';
import { sql, type Transaction } from 'kysely';
import { decideReservation, type Levels, release, ship, type StockLevel } from './stock.ts';
import type { InventoryDb } from './tables.ts';

/** Locks articles in the order of their names, so that two orders cannot deadlock. */
export async function lockLevels(tx: Transaction<InventoryDb>, skus: readonly string[]): Promise<Levels> {
  const rows = await tx
    .selectFrom('stock')
    .select(['sku', 'on_hand as onHand', 'reserved', 'shipped'])
    .where('sku', 'in', skus)
    .orderBy('sku')
    .forUpdate()
    .execute();
  return new Map(rows.map((row) => [row.sku, row]));
}

export async function saveLevels(tx: Transaction<InventoryDb>, levels: readonly StockLevel[]): Promise<void> {
  const each = <T>(of: (level: StockLevel) => T): T[] => levels.map(of);
  await sql`
    update stock set on_hand = l.on_hand, reserved = l.reserved, shipped = l.shipped, version = version + 1
      from unnest(${each(({ sku }) => sku)}::text[], ${each(({ onHand }) => onHand)}::int[],
                  ${each(({ reserved }) => reserved)}::int[], ${each(({ shipped }) => shipped)}::int[])
           as l (sku, on_hand, reserved, shipped)
     where stock.sku = l.sku`.execute(tx);
}

export async function hold(
  tx: Transaction<InventoryDb>,
  orderId: string,
  lines: readonly StockLine[],
): Promise<void> {
  await tx
    .insertInto('reservation')
    .values(lines.map(({ sku, quantity }) => ({ order_id: orderId, sku, quantity, state: 'held' as const })))
    .execute();
}

/** Finds the articles and the reservation of an order, in the lock order of every other writer. */
export function rowsOfReservation(orderId: string, tx: Transaction<InventoryDb>) {
  const lines = tx.selectFrom('reservation').where('order_id', '=', orderId);
  return [
    tx.selectFrom('stock').where('sku', 'in', lines.select('sku')).orderBy('sku'),
    lines.orderBy('sku'),
  ];
}

/**
 * Ends the reservation of an order. Returns false if it had ended this way before.
 * Every order wants the same few articles: statements that go together are sent together, so that the locks are short.
 * The articles are locked before the reservation's rows, as when reserving: one lock order everywhere.
 */
export async function endReservation(
  tx: Transaction<InventoryDb>,
  orderId: string,
  wanted: 'released' | 'shipped',
): Promise<boolean> {
  const known = await tx.selectFrom('reservation').select('sku').where('order_id', '=', orderId).execute();
  if (known.length === 0) throw contradiction(orderId, 'nothing was ever reserved for it');
  const [levels, lines] = await Promise.all([
    lockLevels(
      tx,
      known.map(({ sku }) => sku),
    ),
    tx
      .selectFrom('reservation')
      .select(['sku', 'quantity', 'state'])
      .where('order_id', '=', orderId)
      .orderBy('sku')
      .forUpdate()
      .execute(),
  ]);
  const open = lines.filter((line) => {
    const decision = decideReservation(line.state, wanted);
    if (decision.kind === 'contradiction') throw contradiction(orderId, decision.message);
    return decision.kind === 'move';
  });
  if (open.length === 0) return false;
  await Promise.all([
    saveLevels(tx, wanted === 'released' ? release(levels, open) : ship(levels, open)),
    tx
      .updateTable('reservation')
      .set({ state: wanted, version: sql`version + 1`, changed_at: sql`clock_timestamp()` })
      .where('order_id', '=', orderId)
      .where('state', '=', 'held')
      .execute(),
  ]);
  return true;
}

function contradiction(orderId: string, message: string): ConvergeError {
  return new ConvergeError(`order ${orderId}: ${message}`, {
    code: 'RESERVATION_CONTRADICTION',
    category: 'bug',
    certainty: 'not_applied',
  });
}
