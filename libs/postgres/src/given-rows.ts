import { sizeUnknownSql } from './kept-statements.ts';

/** The columns of rows that a statement is given, by name: the type in SQL, and the cell. Undefined is null. */
export type GivenColumns<Row> = Readonly<
  Record<string, readonly [type: string, cell: (row: Row) => unknown]>
>;

/** One row, or any number: a text for one row has plain values, which take two thirds of the time of arrays. */
type Size = 'one' | 'many';

/** Rows that a statement is given by one parameter for each column. */
interface Given<Row> {
  /** Returns the select of the rows. Parameters begin at `$from`. */
  select(size: Size, from: number): string;
  values(size: Size, rows: readonly Row[]): readonly unknown[];
}

/** Describes given rows. Their column `row` counts from 1. */
export function givenColumns<Row>(columns: GivenColumns<Row>): Given<Row> {
  const names = Object.keys(columns);
  const all = Object.values(columns);
  return {
    select: (size, from) => {
      const parameters = all.map(([type], at) => `$${from + at}::${type}`);
      if (size === 'one')
        return `select ${names.map((name, at) => `${parameters[at]} as ${name}`).join(', ')}, 1::bigint as row`;
      const arrays = parameters.map((parameter) => `${parameter}[]`).join(', ');
      return `select * from unnest(${arrays}) with ordinality as g (${names.join(', ')}, row)`;
    },
    values: (size, rows) => {
      const [first] = rows;
      if (size === 'many') return all.map(([, cell]) => rows.map((row) => cell(row) ?? null));
      if (first === undefined) throw new TypeError('a statement was given no row');
      return all.map(([, cell]) => cell(first) ?? null);
    },
  };
}

/** A statement, as `executor.query(...statement)` and `sendAhead` take it. */
export type Statement = readonly [text: string, values: readonly unknown[]];

/**
 * Makes a statement over given rows, with parameters from $1 on. `sql` gets the select of the rows. Returns the function that
 * gives it rows, one at least; `more`: the values of further parameters.
 */
export function givenRows<Row>(
  columns: GivenColumns<Row>,
  sql: (given: string) => string,
): (rows: readonly Row[], ...more: readonly unknown[]) => Statement {
  const given = givenColumns(columns);
  const texts = {
    one: sql(given.select('one', 1)),
    many: sql(`${given.select('many', 1)} ${sizeUnknownSql}`),
  };
  return (rows, ...more) => {
    const size = rows.length === 1 ? 'one' : 'many';
    return [texts[size], [...given.values(size, rows), ...more]];
  };
}
