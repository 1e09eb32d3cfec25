import type { StockLine } from '@convergekit/schemas';

export interface Parcel {
  readonly orderId: string;
  readonly country: string;
  readonly lines: readonly StockLine[];
}

/** ISO 3166-1 codes that our carrier does not serve: Antarctica, Bouvet Island, Heard Island. */
const notServed: ReadonlySet<string> = new Set(['AQ', 'BV', 'HM']);
/** Maximum number of pieces of one parcel. */
const maxPieces = 50;

/** Returns the carrier's reason to refuse a parcel; undefined if it accepts it. */
export function refusalReason({ country, lines }: Parcel): string | undefined {
  if (notServed.has(country)) return `the carrier does not serve ${country}`;
  const pieces = lines.reduce((sum, line) => sum + line.quantity, 0);
  if (pieces > maxPieces) return `${pieces} pieces do not fit into a parcel of ${maxPieces}`;
  return undefined;
}

/** Derives the tracking id from the order, so that a repeated handler hands over the same parcel. */
export function trackingId(orderId: string): string {
  return `CV${orderId.replaceAll('-', '').slice(-16).toUpperCase()}`;
}
