/** A statement in pieces: `texts[0]`, the value `order[0]`, `texts[1]`, the value `order[1]`, … */
export interface Pieces {
  readonly texts: readonly string[];
  /** Indexes into the values, from 0. */
  readonly order: readonly number[];
}

/** Splits a statement at its placeholders, `$1`, `$2`, …, for clients that write them in another way. Pure. */
export function piecesOf(text: string): Pieces {
  const split = text.split(/\$(\d+)/);
  return {
    texts: split.filter((_, at) => at % 2 === 0),
    order: split.filter((_, at) => at % 2 === 1).map((digits) => Number(digits) - 1),
  };
}
