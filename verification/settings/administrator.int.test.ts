/** An administrator rewrites, rebuilds and alters every table of the kit, and ends its sessions, while all of it works. */
import { allMigrations } from '@convergekit/operate';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { localBroker, localMigrations } from '@convergekit/local';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relay } from '@convergekit/relay';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import type { Generated } from 'kysely';
import { expect, inject, it, onTestFinished } from 'vitest';
import { counted, type Db, outbox } from './scene.ts';

interface Tables extends Db {
  seen: { at: Generated<number>; key: string; n: number };
}

/** Emits numbers until the signal; a request key makes the repetition of one without an answer safe. Returns the last. */
async function emitUntil(stopped: AbortSignal, { db }: Database<Tables>): Promise<number> {
  let sent = 0;
  while (!stopped.aborted) {
    const n = sent + 1;
    const event = counted({ key: `k${n % 5}`, n });
    const emitOne = (): Promise<boolean> =>
      outbox
        .transaction(db, { requestKey: `n ${n}`, request: null }, ({ emit }) =>
          Promise.resolve(emit(event)).then(() => true),
        )
        .catch(() => false);
    await waitUntil(emitOne, { what: `number ${n} to be emitted` });
    sent = n;
  }
  return sent;
}

const own = `relnamespace::regnamespace::text in ('converge', 'converge_log')`;
const tablesSql = `select oid::regclass::text as name from pg_class where relkind = 'r' and ${own}`;
const rootsSql = `select oid::regclass::text as name from pg_class where relkind in ('r', 'p') and not relispartition and ${own}`;
const endSql = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'service'`;

it('relay, consumer and local log lose, double and reorder nothing while an administrator rewrites all tables of the kit', async () => {
  const url = await freshDatabase(inject('stack').databaseUrl, 'administrator');
  const admin = connect<Tables>({ url, applicationName: 'administrator' });
  onTestFinished(() => admin.close());
  await migrate(admin, [...allMigrations, localMigrations]);
  await admin.executor.query('create table public.seen (at bigserial primary key, key text, n int)');
  // The ids go over into the next child meanwhile.
  await admin.executor.query(`select setval('converge.outbox_id', 1999950)`);
  const database = connect<Tables>({ url, max: 20, applicationName: 'service' });
  onTestFinished(() => database.close());
  const broker = localBroker({ url, clientId: 'service' });
  onTestFinished(() => broker.close());
  const consumer = defineConsumer<Tables>('counter', { from: 'first' }).on(
    counted,
    async ({ data }, { tx }) => {
      await tx.insertInto('seen').values(data).execute();
    },
  );
  const topics = await broker.admin();
  for (const name of [counted.topic, consumer.failureTopic])
    await topics.createTopic({ name, partitions: 2 });
  const services = [consumerService([consumer], { database, broker }), relay({ database, broker })];
  const ended: string[] = [];
  for (const service of services) {
    onTestFinished(() => service.stop());
    service.done.catch((error: unknown) => ended.push(String(error)));
    await service.start();
  }
  const stop = new AbortController();
  const emitting = emitUntil(stop.signal, database);
  const count = async (): Promise<number> =>
    (
      await admin.db
        .selectFrom('seen')
        .select(({ fn }) => fn.countAll<string>().as('n'))
        .execute()
    ).map(({ n }) => Number(n))[0] ?? 0;
  const names = async (sql: string): Promise<readonly string[]> =>
    (await admin.executor.query<{ name: string }>(sql)).rows.map(({ name }) => name);
  const acts: (() => Promise<readonly string[]>)[] = [
    async () => (await names(tablesSql)).map((name) => `vacuum full ${name}`),
    async () => (await names(rootsSql)).map((name) => `alter table ${name} add column extra text`),
    () => Promise.resolve([endSql]),
    async () => (await names(rootsSql)).map((name) => `alter table ${name} drop column extra`),
    () => Promise.resolve(['reindex schema converge', 'reindex schema converge_log']),
  ];
  const client = await admin.acquire();
  onTestFinished(() => client.release(true));
  for (const act of acts) {
    const before = await count();
    // A child may be gone meanwhile, and a deadlock ends the administrator's statement or the kit's.
    for (const statement of await act()) await client.query(statement).catch(() => undefined);
    await waitUntil(async () => (await count()) >= before + 20, { what: 'events behind the act' });
  }
  stop.abort();
  const sent = await emitting;
  await waitUntil(async () => (await count()) >= sent, { what: 'all effects' });
  const seen = await admin.db.selectFrom('seen').select(['key', 'n']).orderBy('at').execute();
  for (const key of ['k0', 'k1', 'k2', 'k3', 'k4'])
    expect(seen.filter((row) => row.key === key).map(({ n }) => n)).toEqual(
      Array.from({ length: sent }, (_, at) => at + 1).filter((n) => `k${n % 5}` === key),
    );
  expect(ended).toEqual([]);
  expect((await admin.executor.query('select from converge.parked')).rows).toEqual([]);
});
