import type { Generated } from 'kysely';
import type { Order } from './events.ts';

/** The tables of migrations/, for typed queries. */
export interface Tables {
  orders: Order & { status: Generated<OrderStatus>; reason: string | null };
  charges: { orderId: string; cents: number };
  stock: { sku: string; free: number };
  parcels: { orderId: string };
}

export type OrderStatus = 'placed' | 'declined' | 'shipped' | 'undeliverable';
