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
