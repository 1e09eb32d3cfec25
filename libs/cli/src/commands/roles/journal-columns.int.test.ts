import { expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const { as } = rolesScene();

// Planted fault: with a right to update the whole row a journal is moved to another step, and a forged one is put in its place.
// With `stripped_at`, which only the removal of old steps sets, the journal of an old step is emptied.
it.each(['saga', 'instance', 'step', 'version', 'created_at', 'stripped_at'])(
  'neither a consumer nor an operator changes the %s of a step, by which its journal is found, read or removed',
  async (column) => {
    const move = `update converge.saga_fence set ${column} = ${column} where saga = 's'`;
    for (const role of ['converge_consumer', 'converge_operator'])
      expect([role, await as(role, move)]).toEqual([role, '42501']);
  },
);

const decision = (note: string, more = `'at', now()`): string =>
  `json_build_object(${more}, 'note', '${note}')::text`;
const [a, b, x] = ['a', 'b', 'x'].map((note) => decision(note));
const STEP = `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, journal, changed_at)
  values ('s', 'i', 'pay', 1, 'c', 'k', 'applied', 'e', array[${a}, ${b}], now() - interval '2 days')`;

// Planted faults: without the trigger the consumer changes the journal; without the look at its bounds it writes before its begin.
it('a consumer adds to the journal of a step, and changes nothing in it', async () => {
  const set = (journal: string) => `update converge.saga_fence set journal = ${journal} where saga = 's'`;
  const tried = (sql: string) => as('converge_consumer', STEP, sql);
  expect(await tried(set(`journal || ${x}`))).toBe('00000');
  for (const journal of [
    `array[${a}]`,
    `array[${a}, ${x}]`,
    `array[${b}, ${a}]`,
    `'{}'`,
    `array_prepend(${x}, journal)`,
    'null',
    `'[0:0]={x}'::text[] || journal`,
    `array[journal, journal]`,
  ])
    expect([journal, await tried(set(journal))]).toEqual([journal, '23001']);
});

// Seen to fail: each of them was added, and the first three ended every look at the journals of the database.
it.each([
  ['no JSON', `'x'`],
  ['no object', `'5'`],
  ['a value of another type', decision('a', `'at', now(), 'version', 'one'`)],
  ['a plan that is no JSON', decision('a', `'at', now(), 'plan', '{'`)],
  ['no time', decision('a', `'op', 'apply'`)],
  ['an earlier time, by which it would leave', decision('a', `'at', now() - interval '2 days'`)],
  ['a later time, by which it would stay', decision('a', `'at', now() + interval '2 days'`)],
])('a consumer adds no decision that is or has %s', async (_name, added) => {
  const more = `update converge.saga_fence set journal = journal || ${added}::text where saga = 's'`;
  expect(await as('converge_consumer', STEP, more)).toBe('23514');
  const begun = `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, journal)
    values ('s', 'i', 'pay', 1, 'c', 'k', 'started', 'e', array[${added}::text])`;
  expect(await as('converge_consumer', begun)).toBe('23514');
});

// Seen to fail: `saga verify` and the pages of the database ended with the entry.
it('a consumer chooses no time of an entry of a workflow, and adds none that is no JSON', async () => {
  const run = `insert into converge.workflow (workflow, id, input, entries) values ('w', 'i', '{}', 1)`;
  const entry = (columns: string, values: string): string =>
    `insert into converge.workflow_step (workflow, id, seq, kind, path, term, data${columns}) values ('w', 'i', 1, 'scope', '', 1, ${values})`;
  expect(await as('converge_consumer', run, entry('', `'{}'`))).toBe('00000');
  expect(await as('converge_consumer', run, entry('', `'{'`))).toBe('22P02');
  expect(await as('converge_consumer', run, entry(', at', `'{}', now()`))).toBe('42501');
});
