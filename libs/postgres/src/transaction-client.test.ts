import { expect, test } from 'vitest';
import { controlsTransaction } from './transaction-client.ts';

test.each([
  'begin',
  ' BEGIN isolation level serializable',
  'start transaction read only',
  'COMMIT;',
  'end',
  'abort',
  'rollback',
  'ROLLBACK WORK',
  "prepare transaction 'x'",
])('the statement “%s” begins or ends a transaction', (text) => {
  expect(controlsTransaction(text)).toBe(true);
});

test.each([
  'savepoint a',
  'release savepoint a',
  'rollback to a',
  'ROLLBACK TO SAVEPOINT a',
  'rollback transaction to savepoint a',
  'insert into begin values (1)',
  'select 1',
  'prepare a as select 1',
  'endow',
])('the statement “%s” neither begins nor ends a transaction', (text) => {
  expect(controlsTransaction(text)).toBe(false);
});
