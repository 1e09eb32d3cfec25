import { formatCell, table } from '../text.ts';
import type { Column } from './view.ts';

/** The lines of a list under headings in capitals; the sentence of an empty one. Pure. */
export function tableOf<Row>(
  rows: readonly Row[],
  { columns, empty }: { readonly columns: readonly Column<Row>[]; readonly empty: string },
): readonly string[] {
  if (rows.length === 0) return [empty];
  return table([
    columns.map(({ title }) => title.toUpperCase()),
    ...rows.map((row) => columns.map(({ cell }) => formatCell(cell(row)))),
  ]);
}
