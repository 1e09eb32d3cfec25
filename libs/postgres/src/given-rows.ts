import { sizeUnknownSql } from './kept-statements.ts';

/** A column of rows that a statement is given: its type in SQL, and its cell. Undefined is null. */
type GivenColumn<Row> = readonly [type: string, cell: (row: Row) => unknown];

interface GivenStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * Makes a statement over given rows, with one parameter for each column, from $1 on. `sql` gets the select of the rows, in
 * their order by the column `row`, from 1. Returns the function that gives it rows, one at least; `more`: the values of
 * further parameters.
 *
 * The text for one row has plain values: it runs in two thirds of the time of arrays, and most transactions have one row.
 */
export function givenRows<Row>(
  columns: Readonly<Record<string, GivenColumn<Row>>>,
  sql: (given: string) => string,
): (rows: readonly Row[], ...more: readonly unknown[]) => GivenStatement {
  const names = Object.keys(columns);
  const all = Object.values(columns);
  const scalars = Object.entries(columns).map(([name, [type]], at) => `$${at + 1}::${type} as ${name}`);
  const arrays = all.map(([type], at) => `$${at + 1}::${type}[]`);
  const ofOne = sql(`select ${scalars.join(', ')}, 1::bigint as row`);
  const ofMany = sql(
    `select * from unnest(${arrays.join(', ')}) with ordinality as g (${names.join(', ')}, row) ${sizeUnknownSql}`,
  );
  return (rows, ...more) => {
    const [first] = rows;
    if (first === undefined) throw new TypeError('a statement was given no rows');
    const value = ([, cell]: GivenColumn<Row>): unknown =>
      rows.length === 1 ? (cell(first) ?? null) : rows.map((row) => cell(row) ?? null);
    return { text: rows.length === 1 ? ofOne : ofMany, values: [...all.map(value), ...more] };
  };
}
