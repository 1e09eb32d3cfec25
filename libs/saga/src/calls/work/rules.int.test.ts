import { connect, type Database, migrate } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { sagaMigrations } from '../../migrations.ts';
import { FENCE_STATES } from '../../fence/fence.ts';
import { WORK_STATES } from './work.ts';

let database: Database;
beforeAll(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl, 'rules') });
  await migrate(database, [sagaMigrations]);
});
afterAll(() => database.close());

type Row = Readonly<Record<string, unknown>>;

async function insert(table: string, row: Row): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  const text = `insert into converge.${table} (${columns.join()}) values (${places.join()})`;
  await database.executor.query(text, Object.values(row));
}

const call = {
  consumer: 'c',
  handler: 'h',
  call: 'e',
  key: 'k',
  idempotency_key: 'i',
  input: '{}',
  cause: '{}',
};
const work = (row: Row = {}): Row => ({ id: crypto.randomUUID(), ...call, ...row });
const step = { saga: 's', instance: 'i', step: 't', op: 'apply' };
const fence = (row: Row = {}): Row => ({
  saga: 's',
  instance: crypto.randomUUID(),
  step: 't',
  version: 1,
  consumer: 'c',
  key: 'k',
  state: 'started',
  cause_event: 'e',
  ...row,
});

// Planted fault: each of the conditions taken out of the functions `saga_work_rules` and `saga_fence_rules`.
describe('the rules of rows that each step writes', () => {
  it.each<[string, Row]>([
    ['a call', work()],
    ['a call of a step', work(step)],
    ['an ended call', work({ state: 'done', ended_at: new Date(), outcome: '{}' })],
    ['a stuck one', work({ state: 'stuck', stuck_reason: 'outcome_unknown' })],
  ])('%s is written', async (_, row) => insert('saga_work', row));

  it.each<[string, Row]>([
    ['a state that does not exist', work({ state: 'begun' })],
    ['a reason that does not exist', work({ state: 'stuck', stuck_reason: 'tired' })],
    ['an operation that does not exist', work({ ...step, op: 'redo' })],
    ['stuck without a reason', work({ state: 'stuck' })],
    ['a reason without stuck', work({ stuck_reason: 'outcome_unknown' })],
    ['done without an end', work({ state: 'done', outcome: '{}' })],
    ['an end before it is done', work({ ended_at: new Date() })],
    [
      'the end of a step’s work, which leaves',
      work({ ...step, state: 'done', ended_at: new Date(), outcome: '{}' }),
    ],
    ['an answer without an outcome', work({ state: 'answered' })],
    ['a saga without a run', work({ ...step, instance: null })],
    ['a saga without a step', work({ ...step, step: null })],
    ['a saga without an operation', work({ ...step, op: null })],
    ['a step without a saga', work({ ...step, saga: null })],
  ])('saga_work refuses %s', async (_, row) => {
    await expect(insert('saga_work', row)).rejects.toMatchObject({ code: '23514', table: 'saga_work' });
  });

  it('saga_fence has the states of the code and no others, and a version from 1', async () => {
    for (const state of FENCE_STATES) await insert('saga_fence', fence({ state }));
    const refused = { code: '23514', table: 'saga_fence', constraint: 'saga_fence_rules' };
    await expect(insert('saga_fence', fence({ state: 'begun' }))).rejects.toMatchObject(refused);
    await expect(insert('saga_fence', fence({ version: 0 }))).rejects.toMatchObject(refused);
    await expect(insert('saga_fence', fence({ state: null }))).rejects.toMatchObject({ code: '23502' });
    await expect(
      database.executor.query(`update converge.saga_fence set state = $1`, ['begun']),
    ).rejects.toMatchObject(refused);
  });

  it('saga_work has the states of the code', async () => {
    for (const state of WORK_STATES)
      await insert(
        'saga_work',
        work({
          state,
          stuck_reason: state === 'stuck' ? 'outcome_unknown' : null,
          outcome: ['answered', 'done', 'failed'].includes(state) ? '{}' : null,
          ended_at: ['done', 'failed'].includes(state) ? new Date() : null,
        }),
      );
  });

  // Planted fault: one of the triggers is not enabled always.
  it.each([
    [
      'saga_fence',
      `(saga, instance, step, version, consumer, key, state, cause_event) values ('s', 'r', 't', 1, 'c', 'k', 'begun', 'e')`,
    ],
    [
      'saga_work',
      `(id, consumer, handler, call, key, idempotency_key, input, cause, state)
         values (gen_random_uuid(), 'c', 'h', 'e', 'k', 'i', '{}', '{}', 'begun')`,
    ],
  ])('a session that replays as a replica is held to the rules of %s, too', async (table, row) => {
    const client = await database.acquire();
    try {
      await client.query('set session_replication_role = replica');
      await expect(client.query(`insert into converge.${table} ${row}`)).rejects.toMatchObject({
        code: '23514',
        constraint: `${table}_rules`,
      });
    } finally {
      client.release(true);
    }
  });
});
