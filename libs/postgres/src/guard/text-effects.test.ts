import { expect, test } from 'vitest';
import { effectsOf } from './text-effects.ts';

test.each([
  'begin',
  ' BEGIN isolation level serializable',
  'start transaction read only',
  'COMMIT;',
  'end',
  'abort',
  'rollback',
  'ROLLBACK WORK',
  'rollback and chain',
  'commit and chain',
  "prepare transaction 'x'",
  "commit prepared 'x'",
  '/* trace */ commit',
  '/* a /* nested */ comment */ commit',
  '-- trace\ncommit',
  'select 1; commit',
  "select ';'; commit",
  "select E'\\'; '; commit",
  'select $a$ ; $$ ; $a$; commit',
  'select ";"; commit',
  'select a$b; commit; select a$b',
  ';;commit',
])('the text “%s” begins or ends a transaction', (text) => {
  expect(effectsOf(text).controls).toBe(true);
});

test.each([
  'savepoint a',
  'release savepoint a',
  'rollback to a',
  'insert into begin values (1)',
  'select 1 -- ; commit',
  'select 1 /* ; commit */',
  'select 1 /* ; /* */ commit */',
  "select '; commit'",
  "select 'it''s; commit'",
  "select E'\\'; commit'",
  'select "a""; commit"',
  'select $$; commit$$',
  'do $x$ begin null; end; $x$',
  "select 'open; commit",
  'prepare a as select 1',
  'endow',
  'update commit set commit = 1',
  'select case when true then 1 end',
])('the text “%s” neither begins nor ends a transaction', (text) => {
  expect(effectsOf(text).controls).toBe(false);
});

test('the savepoints of a text are found under the names that the server compares', () => {
  expect(
    effectsOf(
      'savepoint A; savepoint "A"; release savepoint a; ROLLBACK WORK TO savepoint "A""b"; rollback to savepoint',
    ).savepoints,
  ).toEqual([
    { kind: 'savepoint', name: 'a' },
    { kind: 'savepoint', name: 'A' },
    { kind: 'release', name: 'a' },
    { kind: 'rollback_to', name: 'A"b' },
    { kind: 'rollback_to', name: 'savepoint' },
  ]);
});

const literal = (text: string) => ({ kind: 'literal', text });
const parameter = (number: number) => ({ kind: 'parameter', number });
const expression = { kind: 'expression' };

test.each([
  ['set role x', [literal('role'), literal('false')]],
  ['set session role x', [literal('role'), literal('false')]],
  ['set session authorization x', [literal('session_authorization'), literal('false')]],
  ['set session characteristics as transaction read only', [literal('characteristics'), literal('false')]],
  ["set local app.tenant = 'a'", [literal('app.tenant'), literal('true')]],
  ["set local time zone 'UTC'", [literal('timezone'), literal('true')]],
  ['reset all', [expression, literal('false')]],
  ['discard temp', [expression, literal('false')]],
  ["select set_config('app.tenant', $1, true)", [literal('app.tenant'), literal('true')]],
  ["select pg_catalog.set_config('a', coalesce(f(1, 2), 'b'), FALSE)", [literal('a'), literal('false')]],
  ['select set_config($1, $2, $3::boolean)', [parameter(1), parameter(3)]],
  ["select set_config('a' || 'b', '', not true)", [expression, expression]],
])('the text “%s” changes a setting', (text, [name, local]) => {
  expect(effectsOf(text).settings).toEqual([{ name, local }]);
});

test.each([
  'set constraints all deferred',
  'set transaction isolation level serializable',
  'update a set b = 1',
  'alter role a set search_path = b',
  "select 'set_config(1, 2, false)'",
])('the text “%s” changes no setting of the session', (text) => {
  expect(effectsOf(text).settings).toEqual([]);
});
