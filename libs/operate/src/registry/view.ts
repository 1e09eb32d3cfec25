import type { z } from 'zod';
import type { Fields, InputOf } from './fields.ts';
import type { Reads, Tables } from './reads.ts';

/** A list that an operator sees: the value from which a command, a page and its JSON twin are made. */
export interface View<F extends Fields = Fields, Row extends z.ZodObject = z.ZodObject> {
  /** The noun and the verb: `parked.list`. */
  readonly name: string;
  readonly title: string;
  /** What it shows, in one line of a help: no capital, no full stop. */
  readonly summary: string;
  readonly tables: Tables;
  readonly input: F;
  /** A row; a page adds its database. Fields that are not in it leave by no page. */
  readonly row: Row;
  /** Reads rows of one database, in the list's order. */
  find(
    reads: Reads,
    database: Reads['databases'][number],
    input: InputOf<F>,
    page: Page,
  ): Promise<readonly z.input<Row>[]>;
  /** Refuses names that no database has, of which nothing would match. @default none is looked at */
  check?(reads: Reads, input: InputOf<F>): Promise<void>;
  /** The list's order. Absent: a short list, which has one page. */
  readonly order?: Order<z.output<Row>>;
  /** True where it looks into other services' databases. @default false */
  readonly looksElsewhere?: boolean;
  /** The rows of one look where nothing else is said. @default 50 of a list that has an order, else all */
  readonly most?: { readonly unit: string; readonly initial: number };
  readonly columns: readonly Column<z.output<Row>>[];
  /** The line instead of an empty list. */
  readonly empty: string;
}

/** The order of a list over all databases: two places are compared text by text. */
export interface Order<Row> {
  placeOf(row: Row): readonly string[];
  /** What a place is: an address may have any text. */
  readonly place: z.ZodType<readonly string[]>;
}

/** The part of a list that is asked for. `after` is the place of the last row before it. */
export interface Page {
  readonly limit: number;
  readonly after: readonly string[] | undefined;
}

/** One column of a list, in a table of a command and of a page. */
export interface Column<Row> {
  /** The heading, which a command writes in capitals. */
  readonly title: string;
  cell(this: void, row: Row): string | number | bigint | Date | null | undefined;
  /** How a page shows it. @default text */
  readonly kind?: 'number' | 'code' | 'wide' | 'time' | 'state';
  /** Of a state: what an operator does about it. `needs` = an operator must act, `waits` = it continues by itself, `off` = it ended. */
  sign?(this: void, row: Row): 'ok' | 'waits' | 'needs' | 'off';
}

export const view = <const F extends Fields, Row extends z.ZodObject>(declared: View<F, Row>): View<F, Row> =>
  declared;
