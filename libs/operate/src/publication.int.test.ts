import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { allMigrations } from './all-migrations.ts';

// Planted fault: without the primary key of inbox_foreign, Postgres refuses deletes in it.
it('every table of the kit takes updates and deletes when a publication replicates all tables', async () => {
  const { database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations);
  onTestFinished(() => database.close());
  const { executor } = database;
  await executor.query('create publication everything for all tables');
  const { rows } = await executor.query<{ name: string }>(
    `select format('converge.%I', relname) as name from pg_class
      where relnamespace = 'converge'::regnamespace and relkind in ('r', 'p') order by 1`,
  );
  expect(rows.length).toBeGreaterThan(30);
  const refused: string[] = [];
  for (const { name } of rows)
    await executor
      .query(`delete from ${name} t where pg_column_size(t) < 0`)
      .catch((error: unknown) => refused.push(`${name}: ${String(error)}`));
  expect(refused).toEqual([]);
});
