import type { OrderState } from '../orders/order.ts';
import type { ReservationState } from '../inventory/stock.ts';

export interface ReservationLine {
  readonly sku: string;
  readonly state: ReservationState;
  readonly version: number;
}

export interface OrderFact {
  readonly state: OrderState;
}

export interface ReservationFact {
  readonly orderId: string;
  readonly lines: readonly ReservationLine[];
}

export interface ReservationDrift {
  readonly orderId: string;
  readonly wanted: 'released' | 'shipped';
  /** The observed lines: the repair writes only if they are unchanged. */
  readonly lines: readonly ReservationLine[];
}

/** Maps an order's end to the end of its reservation. An open order gives undefined: anything held may be right. */
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
  const lines = reservation.lines.filter(({ state }) => state !== wanted);
  return lines.length === 0 ? null : { orderId: reservation.orderId, wanted, lines };
}

/**
 * Returns a reason if the goods ended the other way: they are not where they are recorded, and an operator must look.
 */
export function unresolvable({ lines, wanted }: ReservationDrift): string | null {
  const wrong = lines.find(({ state }) => state !== 'held');
  return wrong === undefined ? null : `${wrong.sku} is ${wrong.state} and should be ${wanted}`;
}
