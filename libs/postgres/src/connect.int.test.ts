import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { connect, type ConnectOptions, type Database } from './connect.ts';
import { type Executor, executorOf } from './executor.ts';
import { kyselyTransaction, withTransaction } from './transaction.ts';

const { databaseUrl } = inject('stack');

function open(options: ConnectOptions): Database {
  const database = connect(options);
  onTestFinished(() => database.close());
  return database;
}

const at = (changes: Partial<URL>): string => Object.assign(new URL(databaseUrl), changes).href;

it('a database that does not exist is one clear error', async () => {
  const ping = open({ url: at({ pathname: '/no_such_place' }) }).ping();
  await expect(ping).rejects.toMatchObject({
    code: 'DATABASE_MISSING',
    category: 'configuration',
    message: expect.stringContaining('no database "no_such_place"'),
  });
});

it('a port on which nothing listens is one clear error, for Kysely as well', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const database = open({ url: at({ hostname: '127.0.0.1', port: String(port) }) });
  const expected = { code: 'DATABASE_UNREACHABLE', category: 'network', certainty: 'not_applied' };
  await expect(database.ping()).rejects.toMatchObject(expected);
  await expect(executorOf(database.db).query('select 1')).rejects.toMatchObject(expected);
});

it('a wrong password is one clear error that does not show it', async () => {
  // This server answers FATAL 28P01, as a real one does: the test server may trust every user.
  const fields = Buffer.from('SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0');
  const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4]);
  const server = createServer((socket) =>
    socket.once('data', () => socket.end(Buffer.concat([head, fields]))),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const error: unknown = await open({ url: `postgres://app:s3cret@127.0.0.1:${port}/shop` })
    .ping()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'DATABASE_LOGIN_REFUSED',
    message: expect.stringContaining('wrong password'),
  });
  expect(JSON.stringify(error) + String(error)).not.toContain('s3cret');
});

it('a server without a free connection is one clear error', async () => {
  const role = `few_${randomBytes(4).toString('hex')}`;
  const admin = open({ url: databaseUrl });
  await admin.executor.query(`create role ${role} login connection limit 0 password 'x'`);
  onTestFinished(() => admin.executor.query(`drop role ${role}`).then(() => undefined));
  await expect(open({ url: at({ username: role, password: 'x' }) }).ping()).rejects.toMatchObject({
    code: 'DATABASE_TOO_MANY_CONNECTIONS',
  });
});

it('an exhausted pool is reported by name', async () => {
  const database = open({ url: databaseUrl, max: 1, connectTimeoutMs: 100 });
  // The limit is short for the caller that waits; on a slow machine a new connection may take longer.
  const taken = await waitUntil(() => database.acquire().catch(() => undefined), { what: 'a connection' });
  await expect(database.ping()).rejects.toMatchObject({ code: 'DATABASE_POOL_EXHAUSTED' });
  taken.release();
  await database.ping();
});

it('connections that the server ends, idle or in use, never end the process, and the pool recovers', async () => {
  const heard: Error[] = [];
  const url = await freshDatabase(databaseUrl);
  const database = open({ url, applicationName: 'victim', onIdleError: (error) => heard.push(error) });
  const admin = open({ url });
  const taken = await database.acquire();
  await database.ping(); // a second one, now idle in the pool
  const { rowCount } = await admin.executor.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'victim'`,
  );
  expect(rowCount).toBe(2);
  await waitUntil(() => heard.length > 0, { what: 'the pool to hear of the lost connection' });
  await expect(taken.query('select 1')).rejects.toThrow();
  taken.release(true);
  await database.ping();
});

it('big numbers stay strings, and the statement timeout and name are set', async () => {
  const database = open({ url: databaseUrl, applicationName: 'named', statementTimeoutMs: 1_234 });
  const sql = `select 9007199254740993::int8 as big, '18446744073709551615'::xid8 as xid, 1.50::numeric as exact,
    current_setting('statement_timeout') as timeout, current_setting('application_name') as name`;
  const expected = {
    big: '9007199254740993',
    xid: '18446744073709551615',
    exact: '1.50',
    timeout: '1234ms',
    name: 'named',
  };
  expect((await database.executor.query(sql)).rows).toEqual([expected]);
  expect((await executorOf(database.db).query(sql)).rows).toEqual([expected]);
  const first = (tx: Executor) => tx.query(sql);
  const second = async (tx: Executor) => {
    await tx.query('select 1');
    return tx.query(sql);
  };
  for (const fn of [first, second]) {
    expect((await withTransaction(database, {}, fn)).rows).toEqual([expected]);
    expect((await kyselyTransaction(database.db, {}, (tx) => fn(executorOf(tx)))).rows).toEqual([expected]);
  }
});

it('TLS that accepts any certificate is refused in production', () => {
  const before = process.env['NODE_ENV'];
  onTestFinished(() => void (process.env['NODE_ENV'] = before));
  process.env['NODE_ENV'] = 'production';
  expect(() => connect({ url: databaseUrl, ssl: { rejectUnauthorized: false } })).toThrow(
    expect.objectContaining({ code: 'DATABASE_SETTINGS' }),
  );
});
