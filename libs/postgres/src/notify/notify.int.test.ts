import { freshDatabase, waitUntil } from '@convergekit/testing';
import { type CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import { Client } from 'pg';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { connect, type Database } from '../connect.ts';
import { type Executor, executorOf } from '../executor.ts';
import { sendLast } from '../last-statement.ts';
import { ownSession } from '../own-session.ts';
import { kyselyTransaction, withTransaction } from '../transaction.ts';
import { notifyAfterCommit } from '../statement-marks.ts';

let url: string;
let database: Database;
let heard: string[];

beforeEach(async () => {
  url = await freshDatabase(inject('stack').databaseUrl, 'notify');
  database = connect({ url, applicationName: 'notifying' });
  await database.executor.query('create table thing (n int not null unique deferrable initially deferred)');
  const listener = new Client({ connectionString: url });
  await listener.connect();
  heard = [];
  listener.on('notification', ({ channel, payload }) => void heard.push(`${channel} ${payload}`));
  await listener.query('listen things');
  return async () => {
    await listener.end();
    await database.close();
  };
});

const insert = 'insert into thing values ($1)';
const marked = (n: number, count = 1): readonly unknown[] =>
  notifyAfterCommit([n], { channel: 'things', count });
const announced = (): number => heard.reduce((sum, text) => sum + Number(text.split(' ')[1]), 0);
const untilAnnounced = (events: number): Promise<unknown> =>
  waitUntil(() => announced() === events, { what: `${events} announced` });

/** Waits until everything announced so far was heard: a later notification of the same channel comes behind it. */
async function silence(): Promise<void> {
  const end = 1_000_000;
  await database.executor.query(`select pg_notify('things', '${end}')`);
  await waitUntil(() => announced() >= end, { what: 'the last notification' });
  expect(heard.pop()).toBe(`things ${end}`);
}

type Run = (fn: (tx: Executor) => Promise<unknown>) => Promise<unknown>;
const forms: readonly (readonly [string, Run])[] = [
  ['withTransaction', (fn) => withTransaction(database, {}, fn)],
  ['kyselyTransaction', (fn) => kyselyTransaction(database.db, {}, (tx) => fn(executorOf(tx)))],
  ['a transaction of Kysely', (fn) => database.db.transaction().execute((tx) => fn(executorOf(tx)))],
];

/**
 * Planted faults, each seen to fail here:
 * - marks are reported when the statement is answered, not its COMMIT: a rollback is announced;
 * - the notification takes any connection: the pool opens one for it.
 */
describe.each(forms)('after a commit of %s', (_name, run) => {
  it('a marked statement is announced, with the sum of the counts', async () => {
    await run(async (tx) => {
      await tx.query(insert, marked(1, 2));
      await tx.query(insert, [2]);
      await tx.query(insert, marked(3, 3));
    });
    await untilAnnounced(5);
  });

  it('a transaction that is rolled back, or fails at COMMIT, is not announced', async () => {
    const failing = async (tx: Executor): Promise<void> => {
      await tx.query(insert, marked(1));
      throw new Error('no');
    };
    await expect(run(failing)).rejects.toThrow('no');
    await expect(run((tx) => tx.query(insert, marked(1)).then(() => tx.query(insert, [1])))).rejects.toThrow(
      'duplicate',
    );
    await run((tx) => tx.query(insert, [2]));
    await silence();
    expect(heard).toEqual([]);
  });
});

describe('a notification', () => {
  it('a statement of its own transaction is announced after it, and a last statement with its COMMIT', async () => {
    await database.executor.query(insert, marked(1));
    await untilAnnounced(1);
    for (let n = 2; n <= 4; n += 1)
      await kyselyTransaction(database.db, {}, async (tx) => {
        await executorOf(tx).query('select 1');
        const { answer } = await sendLast(tx, { name: 'insert_thing', text: insert, values: marked(n) });
        answer.catch(() => undefined);
      });
    await untilAnnounced(4);
  });

  it('a notification opens no connection, and leaves none behind', async () => {
    for (let n = 0; n < 20; n += 1) await database.executor.query(insert, marked(n));
    await untilAnnounced(20);
    expect(database.pool.totalCount).toBe(1);
    await waitUntil(() => database.pool.idleCount === 1, { what: 'the connection to be back' });
  });

  it('G2d: a writer is not affected when every notification is refused', async () => {
    await database.executor.query(`create role mute login password 'mute'; grant insert on thing to mute`);
    await database.executor.query(`revoke execute on function pg_notify(text, text) from public`);
    const mute = new URL(url);
    mute.username = mute.password = 'mute';
    const writer = connect({ url: mute.href });
    for (let n = 0; n < 20; n += 1) await withTransaction(writer, {}, (tx) => tx.query(insert, marked(n)));
    await writer.close();
    const { rows } = await database.executor.query<{ n: number }>('select count(*)::int as n from thing');
    expect([rows[0]?.n, announced()]).toEqual([20, 0]);
  });

  it('the last commit before a pool closes is announced', async () => {
    const writer = connect({ url });
    for (let n = 0; n < 5; n += 1) await withTransaction(writer, {}, (tx) => tx.query(insert, marked(n)));
    await writer.close();
    await untilAnnounced(5);
  });

  it('a pool with one connection serves writers and their notifications', async () => {
    const writer = connect({ url, max: 1 });
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    await Promise.all(numbers.map((n) => withTransaction(writer, {}, (tx) => tx.query(insert, marked(n)))));
    await untilAnnounced(50);
    await writer.close();
  });

  it('a pool that shall not notify announces nothing', async () => {
    const writer = connect({ url, notify: false });
    await withTransaction(writer, {}, (tx) => tx.query(insert, marked(1)));
    await writer.close();
    await silence();
    expect(heard).toEqual([]);
  });

  it('a pool that connect did not make runs marked statements, and announces nothing', async () => {
    const foreign = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: database.pool }) });
    const query = { ...sql`select 1`.compile(foreign), sql: insert, parameters: marked(1) } as CompiledQuery;
    await foreign.executeQuery(query);
    await silence();
    expect(heard).toEqual([]);
  });

  it('a reserved session hears what writers announce, and only on its channel', async () => {
    const client = await database.acquire();
    const session = await ownSession(client);
    const payloads: string[] = [];
    expect(await session.listen('things', (payload) => void payloads.push(payload))).toBe(true);
    await database.executor.query(`select pg_notify('others', 'x')`);
    await database.executor.query(insert, marked(1, 7));
    await waitUntil(() => payloads.length > 0, { what: 'the notification' });
    expect(payloads).toEqual(['7']);
    client.release(true);
  });
});
