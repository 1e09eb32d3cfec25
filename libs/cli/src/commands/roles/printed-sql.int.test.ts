/** Planted fault, seen to fail here: a script without its search_path. */
import { connect, migrate } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { DUTIES, roleSql } from '../../../../operate/src/roles/role-files.ts';

const FIRST = 'set search_path = pg_catalog, pg_temp;\n';

it.each(DUTIES)(
  'the SQL of the duty %s sets the search_path first, and leaves the session as it was',
  (duty) => {
    const sql = roleSql(duty);
    expect(sql.startsWith(FIRST)).toBe(true);
    expect(sql.endsWith('\nreset search_path;\n')).toBe(true);
  },
);

it('the SQL of the roles calls no function that another role made in the schema public', async () => {
  const database = connect({ url: await freshDatabase(inject('stack').databaseUrl), max: 1 });
  try {
    await migrate(database, allMigrations);
    // A better match for format('…', current_database()) than the one of Postgres.
    await database.executor.query(
      `create function public.format(text, name) returns text language plpgsql
         as $$ begin raise exception 'a function of public ran as %', current_user; end $$`,
    );
    for (const duty of DUTIES) await database.executor.query(roleSql(duty));
    const { rows } = await database.executor.query<{ path: string }>(
      `select current_setting('search_path') as path`,
    );
    expect(rows[0]?.path).toContain('public');
  } finally {
    await database.close();
  }
});
