import type { OrderState } from '../orders/order.ts';
import type { ReservationState } from '../inventory/stock.ts';

export interface ReservationLine {
  readonly sku: string;
  readonly state: ReservationState;
  readonly version: number;
}

export interface OrderFact {
  readonly state: OrderState;
  /** It ended so long ago that an event of it which is still on its way is taken for lost. */
  readonly longAgo: boolean;
}

export interface ReservationFact {
  readonly orderId: string;
  /** Inventory has handled the event by which the goods should have gone their way. */
  readonly handled: boolean;
  readonly lines: readonly ReservationLine[];
}

export interface ReservationDrift {
  readonly orderId: string;
  readonly wanted: 'released' | 'shipped';
  /** As they were seen: the repair writes only where they are still so. */
  readonly lines: readonly ReservationLine[];
}

/** What an order's end means for its goods; undefined while it is open: then whatever is held may be right. */
export function endOf(state: OrderState): 'released' | 'shipped' | undefined {
  switch (state) {
    case 'placed':
      return undefined;
    case 'confirmed':
      return 'shipped';
    case 'cancelled':
      return 'released';
  }
}

export function compareReservation(
  order: OrderFact | null,
  reservation: ReservationFact | null,
): ReservationDrift | null {
  const wanted = order === null ? undefined : endOf(order.state);
  // An order that was refused for lack of stock has no reservation, and needs none.
  if (wanted === undefined || reservation === null) return null;
  // Held goods are right as long as the event that ends it may be on its way: a repair never fights work in flight.
  if (order?.longAgo === false && !reservation.handled) return null;
  const lines = reservation.lines.filter(({ state }) => state !== wanted);
  return lines.length === 0 ? null : { orderId: reservation.orderId, wanted, lines };
}

/** Goods that went the other way are somewhere else than the books say: a person must look. */
export function unresolvable({ lines, wanted }: ReservationDrift): string | null {
  const wrong = lines.find(({ state }) => state !== 'held');
  return wrong === undefined ? null : `${wrong.sku} is ${wrong.state} and should be ${wanted}`;
}
