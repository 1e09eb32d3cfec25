/** The sums of one article's reservations. */
export interface Reserved {
  readonly held: number;
  readonly shipped: number;
}

export interface Counters {
  readonly sku: string;
  readonly initial: number;
  readonly onHand: number;
  readonly reserved: number;
  readonly shipped: number;
  readonly version: number;
}

type Count = Pick<Counters, 'onHand' | 'reserved' | 'shipped'>;

export interface CounterDrift {
  readonly sku: string;
  readonly is: Count;
  readonly wanted: Count;
}

export function compareCounters(desired: Reserved | null, actual: Counters | null): CounterDrift | null {
  if (desired === null || actual === null) return null;
  const { sku, initial, onHand, reserved, shipped } = actual;
  const wanted = {
    onHand: initial - desired.held - desired.shipped,
    reserved: desired.held,
    shipped: desired.shipped,
  };
  if (wanted.onHand === onHand && wanted.reserved === reserved && wanted.shipped === shipped) return null;
  return { sku, is: { onHand, reserved, shipped }, wanted };
}
