import type { StockLine } from '@convergekit/schemas';
import { ConvergeError } from '@convergekit/core';
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
  for (const { sku, onHand, reserved, shipped } of levels)
    await tx
      .updateTable('stock')
      .set({ on_hand: onHand, reserved, shipped, version: sql`version + 1` })
      .where('sku', '=', sku)
      .execute();
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

/**
 * Ends the reservation of an order. Returns false if it had ended this way before.
 * The articles are locked before the reservation's rows, as when reserving: one lock order everywhere.
 */
export async function endReservation(
  tx: Transaction<InventoryDb>,
  orderId: string,
  wanted: 'released' | 'shipped',
): Promise<boolean> {
  const known = await tx.selectFrom('reservation').select('sku').where('order_id', '=', orderId).execute();
  if (known.length === 0) throw contradiction(orderId, 'nothing was ever reserved for it');
  const levels = await lockLevels(
    tx,
    known.map(({ sku }) => sku),
  );
  const lines = await tx
    .selectFrom('reservation')
    .select(['sku', 'quantity', 'state'])
    .where('order_id', '=', orderId)
    .orderBy('sku')
    .forUpdate()
    .execute();
  const open = lines.filter((line) => {
    const decision = decideReservation(line.state, wanted);
    if (decision.kind === 'contradiction') throw contradiction(orderId, decision.message);
    return decision.kind === 'move';
  });
  if (open.length === 0) return false;
  await saveLevels(tx, wanted === 'released' ? release(levels, open) : ship(levels, open));
  await tx
    .updateTable('reservation')
    .set({ state: wanted, version: sql`version + 1`, changed_at: sql`clock_timestamp()` })
    .where('order_id', '=', orderId)
    .where('state', '=', 'held')
    .execute();
  return true;
}

function contradiction(orderId: string, message: string): ConvergeError {
  return new ConvergeError(`order ${orderId}: ${message}`, {
    code: 'RESERVATION_CONTRADICTION',
    category: 'bug',
    certainty: 'not_applied',
  });
}
