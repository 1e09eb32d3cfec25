/** Dumps are loaded by the programs of Postgres, as docs/guides/restore.md says; pip fetches them. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryBroker } from '@convergekit/broker/testing';
import { defineEvent } from '@convergekit/contracts';
import { inboxMigrations } from '@convergekit/inbox';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { requireMigrations } from '@convergekit/postgres/operate';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relay, relayMigrations } from '@convergekit/relay';
import { rebaseSource } from '@convergekit/relay/operate';
import { sagaMigrations } from '@convergekit/saga';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, test } from 'vitest';
import { z } from 'zod';
import { run } from '../../programs.ts';
import { quick, refusal, undoing } from '../fixture/drill.ts';
import { postgresPrograms, VERSIONS } from '../moves/installs.ts';

const { closing, defer } = undoing();

const tag = randomBytes(4).toString('hex');
const counted = defineEvent('dump.counted', {
  version: 1,
  topic: `dump.${tag}`,
  key: ({ key }: { key: string }) => key,
  data: z.object({ key: z.string() }),
});
const outbox = createOutbox([counted]);
const sets = [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations, reconcileMigrations];

const open = (url: string): Database => closing(connect({ url }), (one) => one.close());

async function database(): Promise<{ readonly url: string; readonly database: Database }> {
  const url = await freshDatabase(inject('stack').databaseUrl, 'dump');
  return { url, database: open(url) };
}

const emit = ({ executor }: Database, count: number) =>
  outbox.append(
    executor,
    Array.from({ length: count }, (_, n) => counted({ key: `k${n % 7}` })),
  );

async function rowsOf({ executor }: Database, sql: string): Promise<readonly unknown[]> {
  return (await executor.query(sql)).rows;
}

const eventsSql = 'select event_id as id from converge.outbox order by id';
const stepsSql = 'select instance, step, state, journal from converge.saga_fence order by instance';
const rulesSql = `
  select t.tgrelid::regclass::text as "table", t.tgname as name, t.tgenabled as enabled
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
   where not t.tgisinternal and c.relnamespace = 'converge'::regnamespace order by 1, 2`;

/** A source with 60 published events, 9 that wait, and a step of a saga that ended two days ago. */
async function madeSource() {
  const broker = closing(memoryBroker(), (one) => one.close());
  const admin = await broker.admin();
  await admin.createTopic({ name: counted.topic, partitions: 3 });
  const source = await database();
  await migrate(source.database, sets);
  const sending = closing(relay({ database: source.database, broker, ...quick }), (one) => one.stop());
  await sending.start();
  await emit(source.database, 60);
  await waitUntil(() => sending.status().published >= 60, { what: '60 published events' });
  await sending.stop();
  const waiting = await emit(source.database, 9);
  await source.database.executor.query(`
    begin; set local session_replication_role = replica;
    insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, journal)
      values ('s', 'i', 'charge', 1, 'c', 'k', 'applied', 'e',
              array[json_build_object('at', now() - interval '2 days', 'to', 'applied')::text]);
    commit`);
  return { ...source, broker, waiting: waiting.ids };
}

/** Dumps a database in both formats, and gives the programs that load it. */
async function dumpOf(url: string) {
  const bin = await postgresPrograms(VERSIONS.new, () => undefined);
  const folder = mkdtempSync(join(tmpdir(), 'converge-dump-'));
  defer(() => Promise.resolve(rmSync(folder, { recursive: true })));
  const custom = join(folder, 'custom.dump');
  const rows = join(folder, 'rows.sql');
  await run(join(bin, 'pg_dump'), ['-Fc', '-f', custom, url]);
  await run(join(bin, 'pg_dump'), ['--data-only', '-f', rows, url]);
  const load = (program: string, args: readonly string[]) =>
    run(join(bin, program), [...args], { maxBuffer: 67_108_864 }).then(
      ({ stderr }) => stderr,
      (error: unknown) => (error as { readonly stderr: string }).stderr,
    );
  return {
    whole: (into: string) => run(join(bin, 'pg_restore'), ['--exit-on-error', '-d', into, custom]),
    restore: (into: string, ...flags: readonly string[]) =>
      load('pg_restore', [...flags, '-d', into, custom]),
    psql: (into: string) => load('psql', ['-q', '-d', into, '-f', rows]),
  };
}

test('G3h: rows that are loaded into a migrated database are refused by name, and nothing starts on what was loaded', async () => {
  const source = await madeSource();
  const dump = await dumpOf(source.url);
  for (const [what, load] of [
    ['rows as SQL', dump.psql],
    ['rows of -Fc', (into: string) => dump.restore(into, '--data-only')],
    ['schema and rows of -Fc', (into: string) => dump.restore(into)],
  ] as const) {
    const target = await database();
    await migrate(target.database, sets);
    const printed = await load(target.url);
    expect(printed, what).toContain('converge.outbox refuses event');
    expect(printed, what).toContain('restore schema and rows together into an empty database');
    expect(await rowsOf(target.database, eventsSql), what).toEqual([]);
    const refused = { code: 'DATABASE_MIXED' };
    await expect(requireMigrations(target.database.executor, sets), what).rejects.toMatchObject(refused);
    await expect(migrate(target.database, sets), what).rejects.toMatchObject(refused);
  }
  const target = await database();
  await migrate(target.database, sets);
  await dump.restore(target.url, '--data-only', '--disable-triggers');
  await expect(requireMigrations(target.database.executor, sets)).rejects.toMatchObject({
    code: 'DATABASE_MIXED',
  });
});

test('G3h: schema and rows that are loaded into an empty database are a copy, which publishes after a rebase only what waited', async () => {
  const source = await madeSource();
  const { whole } = await dumpOf(source.url);
  const copy = await database();
  await whole(copy.url);
  for (const sql of [eventsSql, stepsSql, rulesSql])
    expect(await rowsOf(copy.database, sql)).toEqual(await rowsOf(source.database, sql));
  await requireMigrations(copy.database.executor, sets);
  const { broker } = source;
  const sending = closing(relay({ database: copy.database, broker, ...quick }), (one) => one.stop());
  await sending.start();
  expect(await refusal(sending, 'database_moved')).toContain('this is a copy');
  const report = await rebaseSource({ by: 'ada', database: copy.database, broker, reason: 'restored' });
  expect(report.phantoms).toEqual([]);
  await emit(copy.database, 5);
  await waitUntil(() => sending.status().published >= source.waiting.length + 5, { what: 'what waited' });
  await sending.stop();
  expect(sending.status().published).toBe(source.waiting.length + 5);
});
