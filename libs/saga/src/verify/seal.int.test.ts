import { sql, type Transaction } from 'kysely';
import { executorOf } from '@convergekit/postgres';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { Moods, orderConsumers, type OrderDb, orderTables, placed } from '../fixture/order-saga.ts';
import { SagaScene } from '../fixture/saga-scene.ts';
import { readSagaRecords } from '../operate/records-sql.ts';
import { verifyJournal } from './verify-journal.ts';

let scene: SagaScene<OrderDb>;
let instance: string;

beforeAll(async () => {
  scene = await SagaScene.open<OrderDb>(inject('stack').databaseUrl, orderTables);
  const moods = new Moods();
  moods.set('ship', 'sealed', 'reject');
  await scene.start(orderConsumers(moods));
  instance = await scene.emit(placed({ order: 'sealed' }));
  await scene.until(instance, 'pay:undone reserve:undone ship:rejected');
});
afterAll(() => scene.close());

class Undo extends Error {}

/** The flaws that are found after a change, which is taken back. */
async function flawsAfter(change: (tx: Transaction<OrderDb>) => Promise<unknown>): Promise<number> {
  let flaws = 0;
  await scene.database.db
    .transaction()
    .execute(async (tx) => {
      await change(tx);
      flaws = verifyJournal(await readSagaRecords(executorOf(tx), { instance })).length;
      throw new Undo();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error;
    });
  return flaws;
}

interface Column {
  readonly name: string;
  readonly type: string;
}
const columnsOf = (table: string): Promise<readonly Column[]> =>
  scene.rows<Column>(
    `select column_name as name, data_type as type from information_schema.columns
      where table_schema = 'converge' and table_name = $1 order by ordinal_position`,
    [table],
  );

/** Returns a value that no row has. */
function other({ name, type }: Column): string {
  if (name === 'op') return `case op when 'apply' then 'resolve' else 'apply' end`;
  if (name === 'state') return `case state when 'applied' then 'undone' else 'applied' end`;
  if (name === 'plan') return `'{"undo":null,"after":["nothing"]}'`;
  if (type === 'uuid') return 'gen_random_uuid()';
  if (type === 'timestamp with time zone') return `coalesce(${name}, now()) + interval '1 microsecond'`;
  return type === 'text' ? `coalesce(${name}, '') || ' '` : `${name} + 1`;
}

it('the journal of a run that the kit wrote has no flaw', async () => {
  expect(await flawsAfter(() => Promise.resolve())).toBe(0);
});

// Planted fault: without seals a changed plan, actor, note, emitted event, cause or time is not found.
it.each(['saga_step', 'saga_fence'])(
  'a change of any one column of one row of %s is found',
  async (table) => {
    // `id` only orders the reading; `stripped_at` means that there is no journal to compare with.
    const columns = (await columnsOf(table)).filter(({ name }) => !['id', 'stripped_at'].includes(name));
    expect(columns.length).toBeGreaterThan(15);
    const missed = [];
    for (const column of columns) {
      const change = sql`update ${sql.table(`converge.${table}`)} set ${sql.ref(column.name)} = ${sql.raw(other(column))}
        where instance = ${instance} and step = 'pay' and seq = (
          select max(seq) from ${sql.table(`converge.${table}`)} where instance = ${instance} and step = 'pay')`;
      const found = await flawsAfter(async (tx) => {
        const { numAffectedRows } = await change.execute(tx);
        expect(numAffectedRows).toBe(1n);
      });
      // A row that was moved to another run is missing here.
      if (found === 0) missed.push(column.name);
    }
    expect(missed).toEqual([]);
  },
);

it('a journal row that is removed, added or exchanged with its seal is found', async () => {
  const of = sql`instance = ${instance} and step = 'pay'`;
  expect(
    await flawsAfter((tx) => sql`delete from converge.saga_step where ${of} and seq = 2`.execute(tx)),
  ).toBeGreaterThan(0);
  expect(
    await flawsAfter((tx) =>
      sql`delete from converge.saga_step where ${of} and seq = (select max(seq) from converge.saga_step where ${of})`.execute(
        tx,
      ),
    ),
  ).toBeGreaterThan(0);
  expect(
    await flawsAfter((tx) =>
      sql`insert into converge.saga_step (saga, instance, step, seq, version, op, trigger, state_from, state_to, act, cause_event, seal)
        select saga, instance, step, seq + 1, version, op, 'emit_again', state_to, state_to, 'wait', cause_event, seal
          from converge.saga_step where ${of} order by seq desc limit 1`.execute(tx),
    ),
  ).toBeGreaterThan(0);
});
