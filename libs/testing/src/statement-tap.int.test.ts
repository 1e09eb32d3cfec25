import { connect, withTransaction } from '@convergekit/postgres';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { StatementTap } from './fixture/statement-tap.ts';

let tap: StatementTap;
let database: ReturnType<typeof connect>;
beforeEach(() => {
  tap = new StatementTap();
  database = connect({ url: inject('stack').databaseUrl, max: 1 });
  tap.attach('a', database.pool);
});
afterEach(() => database.close());

const sent = (): readonly string[] =>
  tap.transactions.map(({ of, statements }) =>
    [of, ...statements.map(({ text, rows }) => `${/^\s*\w+/.exec(text)?.[0].trim()}:${rows}`)].join(' '),
  );

it('a tap records each statement of a transaction with its count, those that are sent in one batch too', async () => {
  await database.ping(); // a new connection asks for its session
  tap.clear();
  await withTransaction(database, {}, async (tx) => {
    await tx.query('select generate_series(1, $1::int)', [3]);
    await tx.query('select 1');
  });
  expect(sent()).toEqual(['a begin:0 select:1 select:3 select:1 commit:0']);
});

it('a tap keeps a statement outside of a transaction apart, and one that failed without a count', async () => {
  const client = await database.acquire();
  await client.query('select 1');
  await expect(client.query('select no_such_column')).rejects.toThrow();
  await client.query('values (1), (2)');
  client.release();
  expect(sent()).toEqual(['a select:1', 'a select:undefined', 'a values:2']);
});
