import { connect, type Database } from '@convergekit/postgres';
import { randomBytes } from 'node:crypto';
import { type FaultProxy, faultProxy, freshDatabase, waitUntil } from '@convergekit/testing';
import { beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { copyExecutorOfClient } from '../copy-binary.ts';
import { answers } from './answers.ts';

let proxy: FaultProxy;
let database: Database;
let direct: Database;
let url: string;

beforeEach(async () => {
  url = await freshDatabase(inject('stack').databaseUrl);
  proxy = await faultProxy({ target: new URL(url).host });
  direct = connect({ url });
  const behind = Object.assign(new URL(url), { host: proxy.address }).href;
  database = connect({ url: behind, max: 2, silenceMs: 100, applicationName: 'behind' });
  onTestFinished(async () => {
    await database.close();
    await proxy.close();
    await direct.close();
  });
});

/** Opens a connection of the pool, whose session is known from its second statement on. */
const known = async (): Promise<void> => {
  await database.ping();
  await database.ping();
};

/** Resolves when the server works at a statement of the pool with this text. */
const working = (text: string): Promise<boolean> =>
  waitUntil(
    async () =>
      (
        await direct.executor.query(
          `select from pg_stat_activity where application_name = 'behind' and state = 'active' and query like $1`,
          [`%${text}%`],
        )
      ).rowCount === 1,
    { what: 'the statement to run' },
  );

it('G5s: a statement whose answer the network has lost fails, and the pool goes on with new connections', async () => {
  await known();
  const holder = await direct.acquire();
  await holder.query('select pg_advisory_lock(7)');
  const lost = database.executor.query('select pg_advisory_xact_lock(7)').then(
    () => 'answered',
    (error: unknown) => error,
  );
  await working('pg_advisory_xact_lock(7)');
  proxy.silence();
  await holder.query('select pg_advisory_unlock(7)');
  holder.release();
  expect(await lost).toMatchObject({ code: 'ETIMEDOUT' });
  await database.ping();
});

// The copy was not seen to fail without the look whether its socket is paused.
it('G5s: a statement that the server still works at is never taken for lost, nor a copy whose reader is slow', async () => {
  await known();
  const copying = await database.acquire();
  const rows = 'select repeat(md5(n::text), 1000) from generate_series(1, 100) n';
  const blocks = copyExecutorOfClient(copying).copy(rows);
  await blocks.next();
  const sent = `select from pg_stat_activity where application_name = 'behind' and state = 'idle'`;
  await waitUntil(async () => (await direct.executor.query(sent)).rowCount === 1, {
    what: 'the server to have sent all rows',
  });
  const holder = await direct.acquire();
  await holder.query('select pg_advisory_lock(8)');
  const slow = database.executor.query('select pg_advisory_xact_lock(8)');
  await working('pg_advisory_xact_lock(8)');
  // Each look at the server is a session of its own.
  const looks = async (): Promise<number> => {
    const { rows: found } = await direct.executor.query<{ n: number }>(
      'select sessions::int as n from pg_stat_database where datname = current_database()',
    );
    return found[0]?.n ?? 0;
  };
  const before = await looks();
  await waitUntil(async () => (await looks()) >= before + 5, { what: 'several looks' });
  let bytes = 0;
  for await (const { from, to } of blocks) bytes += to - from;
  expect(bytes).toBeGreaterThan(1_000_000);
  copying.release();
  await holder.query('select pg_advisory_unlock(8)');
  holder.release();
  expect((await slow).rowCount).toBe(1);
});

it('a server is asked on a fresh connection while the network has silenced those of the pool, and in a stalled network the question ends', async () => {
  await database.ping();
  proxy.silence();
  await answers(database, 60_000);
  proxy.stall();
  await expect(answers(database, 50)).rejects.toMatchObject({
    code: 'DATABASE_UNREACHABLE',
    category: 'network',
  });
  proxy.restore();
  await answers(database, 60_000);
});

// Planted fault: with any refusal taken for an outage, the question is rejected here.
it('a server that has no connection left for a role answers', async () => {
  const role = `few_${randomBytes(4).toString('hex')}`;
  await direct.executor.query(`create role ${role} login connection limit 0 password 'x'`);
  onTestFinished(() => direct.executor.query(`drop role ${role}`).then(() => undefined));
  const theirs = connect({ url: Object.assign(new URL(url), { username: role, password: 'x' }).href });
  onTestFinished(() => theirs.close());
  await expect(theirs.ping()).rejects.toMatchObject({ code: 'DATABASE_TOO_MANY_CONNECTIONS' });
  await answers(theirs, 60_000);
});
