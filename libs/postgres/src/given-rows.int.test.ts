import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { givenRows } from './given-rows.ts';

let database: Database;
beforeAll(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl) });
});
afterAll(() => database.close());

interface Row {
  readonly name: string;
  readonly count?: number;
}
const statement = givenRows<Row>(
  { name: ['text', ({ name }) => name], count: ['int', ({ count }) => count] },
  (given) => `
  with given as materialized (${given})
  select name, count, row::int, $3::text as further from given order by row desc`,
);
const read = async (...rows: readonly Row[]): Promise<unknown> =>
  (await database.executor.query(...statement(rows, 'more'))).rows;

// Planted fault: the text for several rows with the values of one.
it('a statement gets one row or several, in their order, with null for what is missing', async () => {
  const further = 'more';
  expect(await read({ name: `it's` })).toEqual([{ name: `it's`, count: null, row: 1, further }]);
  expect(await read({ name: 'a', count: 7 }, { name: 'b' })).toEqual([
    { name: 'b', count: null, row: 2, further },
    { name: 'a', count: 7, row: 1, further },
  ]);
  expect(await read()).toEqual([]);
});
