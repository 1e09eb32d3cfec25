import type { OrderState } from '../orders/order.ts';
import type { ReservationState } from '../inventory/stock.ts';

export interface ReservationLine {
  readonly sku: string;
  readonly state: ReservationState;
  readonly version: number;
}

export interface ReservationFact {
  readonly orderId: string;
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
  order: { readonly state: OrderState } | null,
  reservation: ReservationFact | null,
): ReservationDrift | null {
  const wanted = order === null ? undefined : endOf(order.state);
  // An order that was refused for lack of stock has no reservation, and needs none.
  if (wanted === undefined || reservation === null) return null;
  const lines = reservation.lines.filter(({ state }) => state !== wanted);
  return lines.length === 0 ? null : { orderId: reservation.orderId, wanted, lines };
}

/** Goods that went the other way are somewhere else than the books say: a person must look. */
export function unresolvable({ lines, wanted }: ReservationDrift): string | null {
  const wrong = lines.find(({ state }) => state !== 'held');
  return wrong === undefined ? null : `${wrong.sku} is ${wrong.state} and should be ${wanted}`;
}
