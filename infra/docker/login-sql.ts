import { type Duty, roleSql } from '@convergekit/operate';
import type { Executor } from '@convergekit/postgres';

/** A login of the database server, with the rights of its duties in one database. */
export interface Login {
  readonly name: string;
  readonly password: string;
  readonly duties: readonly Duty[];
  /** True for a process that reads and writes the tables of schema `public`. */
  readonly ownTables: boolean;
}

/** Creates a database if it is missing, and closes it to logins that have no right to it. Run it on the server's first database. */
export async function makeDatabase(server: Executor, name: string): Promise<void> {
  const { rows } = await server.query('select 1 from pg_database where datname = $1', [name]);
  if (rows.length === 0) await server.query(await text(server, 'create database %I', [name]));
  await server.query(await text(server, 'revoke connect on database %I from public', [name]));
}

/** Makes the roles of the kit in this database. Run it as the owner of the tables, after each migration. Safe to repeat. */
export async function makeRoles(database: Executor): Promise<void> {
  const duties: readonly Duty[] = ['writer', 'consumer', 'relay', 'reconciler', 'read', 'operator'];
  for (const duty of duties) await database.query(roleSql(duty));
}

/** Makes a login, or gives it another password, and grants what its duties need in this database. Safe to repeat. */
export async function makeLogin(
  database: Executor,
  { name, password, duties, ownTables }: Login,
): Promise<void> {
  const run = async (template: string, values: readonly string[]): Promise<void> => {
    await database.query(await text(database, template, values));
  };
  await run(
    `do $do$ begin create role %I; exception when duplicate_object or unique_violation then null; end $do$`,
    [name],
  );
  await run('alter role %I login password %L', [name, password]);
  const { rows } = await database.query<{ base: string }>('select current_database() as base');
  await run('grant connect on database %I to %I', [rows[0]?.base ?? '', name]);
  for (const duty of duties) await run('grant %I to %I', [`converge_${duty}`, name]);
  if (!ownTables) return;
  await run('grant select, insert, update, delete on all tables in schema public to %I', [name]);
  await run('grant usage on all sequences in schema public to %I', [name]);
}

/** Fills a statement that takes no parameters: %I with names, %L with literals, both quoted by the server. */
async function text(executor: Executor, template: string, values: readonly string[]): Promise<string> {
  const places = values.map((_, index) => `$${index + 2}::text`).join(', ');
  const { rows } = await executor.query<{ text: string }>(`select pg_catalog.format($1, ${places}) as text`, [
    template,
    ...values,
  ]);
  return rows[0]?.text ?? '';
}
