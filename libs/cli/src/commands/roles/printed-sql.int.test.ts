/** Planted fault, seen to fail here: a script without its search_path. */
import { connect, migrate } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { cli } from '../../fixture/cli.ts';
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

/** Every right of the roles of the kit in this database. */
const rightsSql = `
  select grantee::regrole::text as role, kind, name, privilege_type as right
    from (select 'table' as kind, relname::text as name, relacl as acl from pg_class where relnamespace = 'converge'::regnamespace
          union all select 'column', attrelid::regclass || '.' || attname, attacl from pg_attribute
            where attrelid in (select oid from pg_class where relnamespace = 'converge'::regnamespace)
          union all select 'function', oid::regprocedure::text, proacl from pg_proc where pronamespace = 'converge'::regnamespace
          union all select 'schema', nspname::text, nspacl from pg_namespace where nspname = 'converge') thing, aclexplode(acl)
   where grantee::regrole::text like 'converge\\_%' order by 1, 2, 3, 4`;

// Planted fault: the printed SQL grants, and takes nothing away.
it('N7, G1i: a role that had every right ends, by the SQL that is printed, with exactly the rights that it says', async () => {
  const database = connect({ url: await freshDatabase(inject('stack').databaseUrl), max: 1 });
  const { executor } = database;
  onTestFinished(() => database.close());
  await migrate(database, allMigrations);
  const { stdout } = await cli(['roles']);
  const rights = async (): Promise<readonly unknown[]> => (await executor.query(rightsSql)).rows;
  await executor.query(stdout);
  const fresh = await rights();
  const roles = DUTIES.filter((duty) => duty !== 'migrator').map((duty) => `converge_${duty}`);
  for (const things of [
    'all tables in schema',
    'all sequences in schema',
    'all functions in schema',
    'schema',
  ])
    await executor.query(`grant all on ${things} converge to ${roles.join(', ')}`);
  await executor.query(`grant update (term) on converge.lease to ${roles.join(', ')}`);
  expect((await rights()).length).toBeGreaterThan(fresh.length);
  await executor.query(stdout);
  expect(await rights()).toEqual(fresh);
  expect(fresh.length).toBeGreaterThan(100);
});
