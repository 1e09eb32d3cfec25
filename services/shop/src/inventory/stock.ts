import type { StockLine } from '@convergekit/schemas';

/** The stock of one article: on hand, reserved and shipped. Their sum is constant. */
export interface StockLevel {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly shipped: number;
}

export type Levels = ReadonlyMap<string, StockLevel>;

export type Reservation =
  | { readonly kind: 'reserved'; readonly levels: readonly StockLevel[] }
  | { readonly kind: 'rejected'; readonly reason: string };

/** Reserves all lines or none. Merge lines of one article first (`mergeLines`). */
export function reserve(levels: Levels, lines: readonly StockLine[]): Reservation {
  for (const { sku, quantity } of lines) {
    const level = levels.get(sku);
    if (level === undefined) return { kind: 'rejected', reason: `we do not sell ${sku}` };
    if (level.onHand < quantity)
      return { kind: 'rejected', reason: `${quantity} of ${sku} wanted, ${level.onHand} left` };
  }
  return {
    kind: 'reserved',
    levels: move(levels, lines, (level, quantity) => ({
      ...level,
      onHand: level.onHand - quantity,
      reserved: level.reserved + quantity,
    })),
  };
}

/** Returns reserved goods to the stock on hand. */
export function release(levels: Levels, lines: readonly StockLine[]): readonly StockLevel[] {
  return move(levels, lines, (level, quantity) => ({
    ...level,
    onHand: level.onHand + quantity,
    reserved: level.reserved - quantity,
  }));
}

/** Ships reserved goods. */
export function ship(levels: Levels, lines: readonly StockLine[]): readonly StockLevel[] {
  return move(levels, lines, (level, quantity) => ({
    ...level,
    reserved: level.reserved - quantity,
    shipped: level.shipped + quantity,
  }));
}

function move(
  levels: Levels,
  lines: readonly StockLine[],
  move: (level: StockLevel, quantity: number) => StockLevel,
): readonly StockLevel[] {
  return lines.flatMap(({ sku, quantity }) => {
    const level = levels.get(sku);
    return level === undefined ? [] : [move(level, quantity)];
  });
}

/** Merges lines to one per article, sorted by name: rows are always locked in one order. */
export function mergeLines(lines: readonly StockLine[]): readonly StockLine[] {
  const total = new Map<string, number>();
  for (const { sku, quantity } of lines) total.set(sku, (total.get(sku) ?? 0) + quantity);
  return [...total]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
}

export type ReservationState = 'held' | 'released' | 'shipped';

export type ReservationDecision =
  | { readonly kind: 'move' }
  | { readonly kind: 'moved' }
  | { readonly kind: 'contradiction'; readonly message: string };

/** Decides a transition: held → released | shipped; both are final. */
export function decideReservation(
  current: ReservationState,
  wanted: 'released' | 'shipped',
): ReservationDecision {
  if (current === 'held') return { kind: 'move' };
  if (current === wanted) return { kind: 'moved' };
  return { kind: 'contradiction', message: `goods that are ${current} cannot be ${wanted}` };
}
