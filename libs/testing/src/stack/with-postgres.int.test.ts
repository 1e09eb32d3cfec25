import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@convergekit/postgres';
import { expect, inject, it } from 'vitest';
import { startPostgres, withPostgres } from './with-postgres.ts';

it('a test gets an empty database of a given Postgres, without Kafka', async () => {
  const env = { DATABASE_URL: inject('stack').databaseUrl };
  const server = await startPostgres({ env });
  expect(server).toMatchObject({ databaseUrl: env.DATABASE_URL, chose: 'given' });
  await server.stop();
  const name = await withPostgres(
    async (url) => {
      const database = connect({ url });
      const { rows } = await database.executor.query<{ name: string }>('select current_database() as name');
      await database.close();
      return rows[0]?.name;
    },
    { env },
  );
  expect(name).toMatch(/^test_/);
});

it('an embedded Postgres is started without Java, and gone when the work has ended', async () => {
  const lines: string[] = [];
  const env = { ...process.env, CONVERGE_STACK: 'embedded', PATH: '/usr/bin:/bin', JAVA_HOME: '/nowhere' };
  delete (env as NodeJS.ProcessEnv)['DATABASE_URL'];
  const url = await withPostgres((given) => Promise.resolve(given), { env, log: (line) => lines.push(line) });
  expect(lines[0]).toBe('stack: Postgres embedded');
  const database = connect({ url, connectTimeoutMs: 2_000 });
  await expect(database.ping()).rejects.toThrow();
  await database.close();
});

it('data in a folder of their own stay after the stop, belong to one process at a time, and are there at the next start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kept-'));
  const env = { ...process.env, CONVERGE_STACK: 'embedded' };
  delete (env as NodeJS.ProcessEnv)['DATABASE_URL'];
  const keepIn = join(folder, 'dev');
  // Only its owner may enter a folder of mkdtemp's; the server may have a user of its own.
  chmodSync(folder, 0o755);
  try {
    const first = await startPostgres({ env, keepIn });
    const one = connect({ url: first.databaseUrl });
    await one.executor.query('create table kept (id int)');
    await expect(startPostgres({ env, keepIn })).rejects.toMatchObject({ code: 'STACK_IN_USE' });
    await one.close();
    // What a crash leaves: the owner's name, and a server that runs.
    writeFileSync(join(keepIn, 'owner.json'), '{"pid":4194304,"startedAt":"1","command":"gone"}');
    const second = await startPostgres({ env, keepIn });
    expect(second.databaseUrl).toBe(first.databaseUrl);
    const two = connect({ url: second.databaseUrl });
    expect((await two.executor.query('select * from kept')).rows).toEqual([]);
    await two.close();
    await second.stop();
    expect(readdirSync(keepIn)).not.toContain('owner.json');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
