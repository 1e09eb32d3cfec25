import { expect, test } from 'vitest';
import { piecesOf } from './placeholders.ts';

test('a statement is split at its placeholders, which may repeat and come in any order', () => {
  expect(piecesOf('select f($2, $10) where a = $2')).toEqual({
    texts: ['select f(', ', ', ') where a = ', ''],
    order: [1, 9, 1],
  });
  expect(piecesOf('select 1')).toEqual({ texts: ['select 1'], order: [] });
});
