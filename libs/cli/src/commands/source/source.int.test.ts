/**
 * Code that was removed once, and a test here failed: the exit code of `show` (always 0), the question before a rebase, and
 * `--dry-run` (it changed the epoch).
 */
import { randomBytes } from 'node:crypto';
import { connect, type Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { headerOf, recordsOf } from '../../fixture/topic-records.ts';

const { brokers, databaseUrl } = inject('stack');
let env: Record<string, string>;
let topic: string;
const open: Database[] = [];

function at(url: string): Database {
  const database = connect({ url });
  open.push(database);
  return database;
}

async function emit(url: string, count: number): Promise<void> {
  await at(url).executor.query(
    `select converge.emit($1, 'k', 'cli.thing', '{}') from generate_series(1, $2::int)`,
    [topic, count],
  );
}

/** Runs a relay until the topic holds so many records; repeats of a record do not count. */
async function publish(settings: Record<string, string>, records: number): Promise<void> {
  const relay = startedCli(['relay'], settings);
  const positions = async () =>
    new Set((await recordsOf(brokers, topic)).map((record) => headerOf(record, 'ce_pos')));
  const there = async () => (await positions()).size >= records;
  await waitUntil(there, { what: `${records} records` });
  expect(await relay.stop()).toMatchObject({ code: 0 });
}

/** Copies a database under another name, like a restored dump. */
async function copyOf(url: string): Promise<string> {
  for (const database of open.splice(0)) await database.close();
  const copy = new URL(url);
  copy.pathname += '_copy';
  const admin = connect({ url: databaseUrl });
  await admin.executor.query(
    `create database "${copy.pathname.slice(1)}" template "${new URL(url).pathname.slice(1)}"`,
  );
  await admin.close();
  return copy.href;
}

beforeEach(async () => {
  topic = `cli.source.${randomBytes(4).toString('hex')}`;
  const { url, database } = await migratedDatabase(databaseUrl, allMigrations, { prefix: 'source' });
  await database.close();
  env = { DATABASE_URL: url, KAFKA_BROKERS: brokers };
  expect(await cli(['topics', 'create', topic, '--partitions', '1'], env)).toMatchObject({ code: 0 });
});
afterEach(async () => {
  await stopLeftovers();
  for (const database of open.splice(0)) await database.close();
});

describe('converge source', () => {
  it('G3h: `converge source` shows a source whose log fits, and refuses, then rebases, one that went back', async () => {
    const url = env['DATABASE_URL'] ?? '';
    await emit(url, 3);
    await publish(env, 3);
    const fits = await cli(['source', 'show', '--json'], env);
    expect(fits).toMatchObject({ code: 0 });
    expect(JSON.parse(fits.stdout)).toMatchObject({ source: { epoch: 1 } });

    const restored = { ...env, DATABASE_URL: await copyOf(url) };
    await emit(url, 2);
    await publish(env, 5);
    const refused = await cli(['source', 'show'], restored);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('database_went_back');

    const epoch = async (): Promise<number | undefined> =>
      (await at(restored.DATABASE_URL).executor.query<{ epoch: number }>('select epoch from converge.source'))
        .rows[0]?.epoch;
    const unasked = await cli(['source', 'rebase'], restored);
    expect(unasked.code).not.toBe(0);
    expect(unasked.stderr).toContain('--reason');
    expect(await cli(['source', 'rebase', '--dry-run'], restored)).toMatchObject({ code: 0 });
    expect(await epoch()).toBe(1);

    const forked = await cli(['source', 'rebase', '--yes', '--reason', 'restored from a copy'], restored);
    expect(forked).toMatchObject({
      code: 0,
      // Planted fault: without `context.audit` in rebase.ts, nothing says who began the epoch.
      stderr: expect.stringContaining('operator: source rebase') as string,
    });
    expect(await epoch()).toBe(2);
    expect(await cli(['source', 'show'], restored)).toMatchObject({ code: 0 });
    const phantoms = await cli(['source', 'show', '--phantoms', '--json'], restored);
    expect(JSON.parse(phantoms.stdout)).toHaveLength(2);

    await emit(restored.DATABASE_URL, 1);
    await publish(restored, 7); // five, the marker of the new epoch, and the new event
    const last = (await recordsOf(brokers, topic)).at(-1);
    expect(last && headerOf(last, 'ce_pos')).toMatch(/^2\./);
  });

  // Planted fault: commands of the source without the look at the migrations. A new epoch is begun on a part of another database.
  it('a database into which the rows of another one were loaded is refused by every command of the source', async () => {
    await at(env['DATABASE_URL'] ?? '').executor.query(
      `insert into converge.migration select * from converge.migration where package = 'postgres'`,
    );
    const why = ['--reason', 'restored', '--yes'];
    for (const args of [
      ['show'],
      ['rebase', '--dry-run'],
      ['rebase', ...why],
      ['disown', topic, '0', '0', ...why],
    ])
      expect(await cli(['source', ...args], env), args.join(' ')).toMatchObject({
        code: 78,
        stderr: expect.stringContaining('drop this database, create it empty') as string,
      });
  });
});
