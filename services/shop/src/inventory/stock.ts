import type { StockLine } from '@convergekit/schemas';

/** One article: goods move between the shelf, what is set aside and what has left. Their sum never changes. */
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

/** All lines or none. Lines of one article must be merged (`mergeLines`). */
export function reserve(levels: Levels, lines: readonly StockLine[]): Reservation {
  for (const { sku, quantity } of lines) {
    const level = levels.get(sku);
    if (level === undefined) return { kind: 'rejected', reason: `we do not sell ${sku}` };
    if (level.onHand < quantity)
      return { kind: 'rejected', reason: `${quantity} of ${sku} wanted, ${level.onHand} left` };
  }
  return {
    kind: 'reserved',
    levels: moved(levels, lines, (level, quantity) => ({
      ...level,
      onHand: level.onHand - quantity,
      reserved: level.reserved + quantity,
    })),
  };
}

/** Back to the shelf. */
export function release(levels: Levels, lines: readonly StockLine[]): readonly StockLevel[] {
  return moved(levels, lines, (level, quantity) => ({
    ...level,
    onHand: level.onHand + quantity,
    reserved: level.reserved - quantity,
  }));
}

/** Out of the house. */
export function ship(levels: Levels, lines: readonly StockLine[]): readonly StockLevel[] {
  return moved(levels, lines, (level, quantity) => ({
    ...level,
    reserved: level.reserved - quantity,
    shipped: level.shipped + quantity,
  }));
}

function moved(
  levels: Levels,
  lines: readonly StockLine[],
  move: (level: StockLevel, quantity: number) => StockLevel,
): readonly StockLevel[] {
  return lines.flatMap(({ sku, quantity }) => {
    const level = levels.get(sku);
    return level === undefined ? [] : [move(level, quantity)];
  });
}

/** One line per article, by name: rows are always locked in one order, so that two orders cannot deadlock. */
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

/** held → released | shipped; both are final. */
export function decideReservation(
  current: ReservationState,
  wanted: 'released' | 'shipped',
): ReservationDecision {
  if (current === 'held') return { kind: 'move' };
  if (current === wanted) return { kind: 'moved' };
  return { kind: 'contradiction', message: `goods that are ${current} cannot be ${wanted}` };
}
