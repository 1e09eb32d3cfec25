import { readFileSync } from 'node:fs';
import { records, values, written } from '@convergekit/broker/contract';
import { waitUntil } from '@convergekit/testing';
import { connect } from '@convergekit/postgres';
import { expect, inject, it, onTestFinished } from 'vitest';
import { closing, freshLog, name, startReader } from './fixture/fresh-log.ts';
import { localBroker } from './local-broker.ts';

const guide = readFileSync(new URL('../../../docs/guides/local-mode.md', import.meta.url), 'utf8');
const [, grants = ''] = /## Roles.*?```sql\n(.*?)```/s.exec(guide) ?? [];

/** Makes a log, and a login that has the rights on it that the guide lists. */
async function logWithLogin() {
  const { url, broker, database } = await freshLog(inject('stack').databaseUrl);
  await (await broker.admin()).createTopic({ name: 'before', partitions: 1 });
  const login = name().replace('-', '_');
  await database.executor.query(`create role ${login} login password 'secret'`);
  onTestFinished(() =>
    database.executor.query(`drop owned by ${login}; drop role ${login}`).then(() => undefined),
  );
  await database.executor.query(grants.replaceAll('orders_service', login));
  const own = new URL(url);
  [own.username, own.password] = [login, 'secret'];
  return own.href;
}

// Planted fault: the guide without one of its three grants.
it('a login with the rights that the guide lists makes topics, writes, reads and keeps the log', async () => {
  const broker = closing(localBroker({ url: await logWithLogin(), clientId: 'with-rights' }));
  const topic = name();
  await (await broker.admin()).createTopic({ name: topic, partitions: 1 });
  const producer = await broker.producer();
  expect(written((await producer.send([{ topic, partition: 0, records: records(2, 'a') }]))[0])).toBe(0n);
  const reader = await startReader(broker, [topic]);
  await waitUntil(() => reader.seen.length === 2, { what: 'both records' });
  expect(values(reader.seen)).toEqual(['a0', 'a1']);
});

// Planted fault: `drop_child_before` stays a function of everyone.
it('a login with the rights that the guide lists drops no child before its time, and makes or changes no table', async () => {
  const database = connect({ url: await logWithLogin() });
  onTestFinished(() => database.close());
  await database.executor.query('select converge_log.make_children(), converge_log.drop_expired_child()');
  for (const statement of [
    `select converge_log.drop_child_before('infinity')`,
    'drop table converge_log.batch',
    'truncate converge_log.batch',
    'create table converge_log.mine (a int)',
    'alter table converge_log.batch add a int',
    `create function converge_log.now() returns int language sql return 1`,
  ])
    await expect(database.executor.query(statement), statement).rejects.toMatchObject({ code: '42501' });
});

it('a login without rights on the log is told so, and not that its topic is missing', async () => {
  const { url, broker, database } = await freshLog(inject('stack').databaseUrl);
  await (await broker.admin()).createTopic({ name: 'before', partitions: 1 });
  const login = name().replace('-', '_');
  await database.executor.query(`create role ${login} login password 'secret'`);
  onTestFinished(() =>
    database.executor.query(`drop owned by ${login}; drop role ${login}`).then(() => undefined),
  );
  const own = new URL(url);
  [own.username, own.password] = [login, 'secret'];
  const described = async (): Promise<unknown> =>
    (await closing(localBroker({ url: own.href, clientId: 'bare' })).admin()).describeTopic('before');
  const refused = { code: 'NOT_AUTHORIZED', message: expect.stringContaining('grant the role') as string };
  await expect(described()).rejects.toMatchObject(refused);
  await database.executor.query(`grant usage on schema converge_log to ${login}`);
  await expect(described()).rejects.toMatchObject(refused);
});
