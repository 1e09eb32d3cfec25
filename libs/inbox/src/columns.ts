/** Turns rows, of `width` cells each, into the columns that `unnest` takes. Pure. */
export function columnsOf<Row>(
  rows: readonly Row[],
  width: number,
  cellsOf: (row: Row) => readonly unknown[],
): readonly (readonly unknown[])[] {
  const cells = rows.map(cellsOf);
  return Array.from({ length: width }, (_, at) => cells.map((row) => row[at]));
}
