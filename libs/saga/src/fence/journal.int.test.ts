import { sagaMigrations } from '@convergekit/saga';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { verifySagas } from '../verify/verify-journal.ts';
import { applyTrigger, endedFence, type TriggerRequest } from './apply-trigger.ts';
import { insertFences } from './new-fences-sql.ts';

let database: Database<object>;
beforeAll(async () => {
  ({ database } = await migratedDatabase<object>(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'journal', applicationName: 'journal' },
  ));
});
beforeEach(() => database.executor.query('truncate converge.saga_fence'));
afterAll(() => database.close());

const begin: TriggerRequest = {
  saga: 's',
  version: 2,
  instance: 'i',
  step: 'pay',
  consumer: 'payments',
  key: 'k',
  op: 'apply',
  trigger: 'begin',
  causeEvent: 'start',
  causeAttempt: 'first',
  plan: '{"undo":"pay"}',
};

const apply = (request: TriggerRequest) =>
  kyselyTransaction(database.db, {}, (tx) => applyTrigger(tx, request));

/** Reads the decisions as one row each: version, op, from, to, cause and attempt. */
async function decisions(): Promise<readonly string[]> {
  const { rows } = await database.executor.query<{ decision: string }>(
    `select concat_ws(' ', seq, 'v' || version, op, state_from || '>' || state_to, cause_event, coalesce(cause_attempt, '-')) as decision
       from converge.saga_step order by seq`,
  );
  return rows.map(({ decision }) => decision);
}

it('the entries of a step that ended where it began say its state, cause and attempt once, and its rows have them all', async () => {
  const ended = endedFence({ ...begin, trigger: 'applied' });
  await kyselyTransaction(database.db, {}, (tx) => insertFences(tx, [ended], (error) => error));
  await apply({
    ...begin,
    op: 'compensate',
    trigger: 'undo',
    causeEvent: 'failure',
    causeAttempt: undefined,
  });
  expect(await decisions()).toEqual([
    '1 v2 apply absent>started start first',
    '2 v2 apply started>applied start first',
    '3 v2 compensate applied>undo_pending failure -',
  ]);
  const { rows } = await database.executor.query<{ entry: string }>(
    `select entry from converge.saga_fence, unnest(journal) entry`,
  );
  expect(rows.map(({ entry }) => Object.keys(JSON.parse(entry) as object).join(' '))).toEqual([
    'at trigger to act plan cause attempt',
    'at trigger to act emitted',
    'at op trigger to act plan cause',
  ]);
});

it('a decision of another version than that of its step keeps its own version', async () => {
  await apply(begin);
  await apply({ ...begin, version: 3, trigger: 'unknown', causeEvent: 'call', causeAttempt: undefined });
  await apply({ ...begin, trigger: 'applied', causeEvent: 'query' });
  expect(await decisions()).toEqual([
    '1 v2 apply absent>started start first',
    '2 v3 apply started>unknown call -',
    '3 v2 apply unknown>applied query first',
  ]);
});

it('the first entry behind a journal that was removed says the state that it found', async () => {
  await apply(begin);
  await apply({ ...begin, trigger: 'applied' });
  await database.executor.query('alter table converge.saga_fence disable trigger saga_fence_journal');
  await database.executor.query(
    `update converge.saga_fence set journal = '{}', stripped_at = clock_timestamp()`,
  );
  await database.executor.query('alter table converge.saga_fence enable trigger saga_fence_journal');
  await apply({ ...begin, op: 'compensate', trigger: 'undo', causeEvent: 'failure' });
  expect(await decisions()).toEqual(['3 v2 compensate applied>undo_pending failure first']);
});

// Planted fault: JSON that says a NUL, or half of a surrogate pair, is stored, and no statement can read the view any more.
it('an entry whose note has a NUL and half of a surrogate pair is read with a replacement for each', async () => {
  await apply(begin);
  const note = 'a "\u0000" b \ud800 \\u0000 😀';
  await apply({ ...begin, trigger: 'stuck', op: 'resolve', actor: 'alice', note });
  const { rows } = await database.executor.query<{ note: string; old: boolean }>(
    `select note, converge.saga_is_old(array[journal[2]]) as old from converge.saga_step
       join converge.saga_fence using (saga, instance, step) where note is not null`,
  );
  expect(rows).toEqual([{ note: 'a "\ufffd" b \ufffd \\u0000 😀', old: false }]);
});

// Planted fault: with a `from` that is left out for every row with a journal, `converge saga verify` finds no fault.
it('the entry behind a state that a person set says the state that it found', async () => {
  await apply(begin);
  await database.executor.query(`update converge.saga_fence set state = 'unknown'`);
  await apply({ ...begin, trigger: 'applied' });
  await apply({ ...begin, op: 'compensate', trigger: 'undo' });
  expect((await decisions()).map((one) => one.split(' ')[3])).toEqual([
    'absent>started',
    'unknown>applied',
    'applied>undo_pending',
  ]);
  for await (const { findings } of verifySagas(database.executor))
    expect(findings).toMatchObject([{ code: 'row_impossible', seq: 2 }]);
});

// Planted fault: a decision that replaces the number. The failed calls of a step are gone as soon as it is undone.
it('the row of a step counts the failed calls of all work that has ended', async () => {
  const ended = (op: 'apply' | 'compensate', failedCalls: number) =>
    ({ at: '2026-01-01T00:00:00Z', op, event: 'start', state: 'done', failedCalls, story: [] }) as const;
  await apply(begin);
  await apply({ ...begin, trigger: 'applied', ended: ended('apply', 2) });
  await apply({ ...begin, op: 'compensate', trigger: 'undo', causeEvent: 'failure' });
  await apply({
    ...begin,
    op: 'compensate',
    trigger: 'undone',
    causeEvent: 'failure',
    ended: ended('compensate', 3),
  });
  const { rows } = await database.executor.query('select state, failed_calls from converge.saga_fence');
  expect(rows).toEqual([{ state: 'undone', failed_calls: 5 }]);
});

// Planted fault: any decision ends the wait. No command lists the step any more, and its saga stands still without a word.
it.each(['undo', 'cancel', 'deadline'] as const)(
  'a step that waits for an operator goes on waiting through the trigger %s, and until its outcome is known',
  async (trigger) => {
    const since = async () =>
      (
        await database.executor.query<{ at: Date | null }>(
          'select stuck_since as at from converge.saga_fence',
        )
      ).rows[0]?.at;
    await apply(begin);
    await apply({ ...begin, trigger: 'stuck' });
    const before = await since();
    expect(before).toBeInstanceOf(Date);
    await apply({ ...begin, op: 'compensate', trigger, causeEvent: 'late' });
    expect(await since()).toEqual(before);
    await apply({ ...begin, trigger: 'applied' });
    expect(await since()).toBeNull();
  },
);

// Planted faults: `array_lower` and `array_ndims` are not looked at. Each of these begins with what was there, and cannot be read as a journal.
it.each([
  ['begins at another number than 1', 'array_fill(decision, array[1], array[0])'],
  ['has two dimensions', 'array[array[decision]]'],
])('a journal that %s is refused', async (_, journal) => {
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     values ('s', 'i', 'pay', 2, 'payments', 'k', 'applied', 'start')`,
  );
  await expect(
    database.executor.query(
      `update converge.saga_fence set journal = ${journal}
         from (select json_build_object('at', clock_timestamp())::text) as made (decision)`,
    ),
  ).rejects.toMatchObject({ code: '23001' });
});
