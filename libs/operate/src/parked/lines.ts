import type { ParkedSummary } from '@convergekit/inbox/operate';
import { tableOf } from '../registry/table.ts';
import { list } from './lists.ts';

/** The rows of parked events as lines, for a dry run. */
export const linesOf = (rows: readonly ParkedSummary[]): readonly string[] =>
  tableOf(
    rows.map((row) => list.row.parse(row)),
    list,
  );
