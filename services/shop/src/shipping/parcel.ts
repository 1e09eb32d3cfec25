import type { StockLine } from '@convergekit/schemas';

export interface Parcel {
  readonly orderId: string;
  readonly country: string;
  readonly lines: readonly StockLine[];
}

/** ISO 3166-1 codes that our carrier does not serve: Antarctica, Bouvet Island, Heard Island. */
const notServed: ReadonlySet<string> = new Set(['AQ', 'BV', 'HM']);
/** Pieces that one parcel takes. */
const maxPieces = 50;

/** Why the carrier will not take it; undefined when it will. */
export function refusal({ country, lines }: Parcel): string | undefined {
  if (notServed.has(country)) return `the carrier does not serve ${country}`;
  const pieces = lines.reduce((sum, line) => sum + line.quantity, 0);
  if (pieces > maxPieces) return `${pieces} pieces do not fit into a parcel of ${maxPieces}`;
  return undefined;
}

/** The same for the same order, so that a handler that is run again hands over the same parcel. */
export function trackingId(orderId: string): string {
  return `CV${orderId.replaceAll('-', '').slice(-16).toUpperCase()}`;
}
