import { createHash } from 'node:crypto';
import {
  connect,
  type ConnectOptions,
  type Database,
  type Executor,
  migrate,
  type MigrationSet,
} from '@convergekit/postgres';
import { urlOf } from '@convergekit/postgres/engine';
import { postgresMigrations, readMigrations } from '@convergekit/postgres/operate';
import { createDatabase, onServer } from './database.ts';

export interface MigratedOptions extends Omit<ConnectOptions, 'url' | 'setting'> {
  /** Shows in the database's name. @default 'test' */
  readonly prefix?: string;
}

export interface MigratedDatabase<DB> {
  readonly url: string;
  readonly database: Database<DB>;
}

/**
 * Creates a database with the tables of `sets`, as `migrate` makes them, and connects to it; the caller closes it. The
 * database is a copy of a template that the first call makes: a copy takes a tenth of the work. Templates stay on the
 * server, named `converge_template_<hash of the SQL>`.
 */
export async function migratedDatabase<DB = unknown>(
  serverUrl: string,
  sets: readonly MigrationSet[],
  { prefix = 'test', ...options }: MigratedOptions = {},
): Promise<MigratedDatabase<DB>> {
  const template = await templateName(serverUrl, sets);
  const url = await onServer(serverUrl, async (session) => {
    if (!(await isFinished(session, template))) await makeTemplate(session, serverUrl, template, sets);
    return createDatabase(session, serverUrl, prefix, template);
  });
  const database = connect<DB>({ applicationName: 'converge-testing', ...options, url });
  try {
    await database.executor.query(renewRows);
    return { url, database };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * Returns the name of a template. It depends on all SQL, so a given server's templates of an older tree are not used; on
 * the user, who must own a template; and on the database, which has the lock of the template's makers.
 */
async function templateName(serverUrl: string, sets: readonly MigrationSet[]): Promise<string> {
  const files = (await Promise.all([postgresMigrations, ...sets].map(readMigrations))).flat();
  const { username, pathname } = new URL(serverUrl);
  const contents = files.map((file) => [file.package, file.number, file.name, file.checksum]);
  const hash = createHash('sha256').update(JSON.stringify([username, pathname, contents]));
  return `converge_template_${hash.digest('hex').slice(0, 16)}`;
}

/** Making a template ends with the flag `datistemplate`: a maker that was killed leaves a database without it. */
async function isFinished(session: Executor, template: string): Promise<boolean> {
  const text = 'select from pg_database where datname = $1 and datistemplate';
  return (await session.query(text, [template])).rowCount === 1;
}

/** Makes a template, unless another caller does it first. The lock ends with the session. */
async function makeTemplate(
  session: Executor,
  serverUrl: string,
  template: string,
  sets: readonly MigrationSet[],
): Promise<void> {
  await session.query('select pg_advisory_lock(hashtextextended($1, 0))', [template]);
  if (await isFinished(session, template)) return;
  // A maker that was killed left the database, and perhaps a session that still works there.
  await session.query(`drop database if exists "${template}" with (force)`);
  await session.query(`create database "${template}"`);
  const url = urlOf(serverUrl, template);
  const database = connect({ url, applicationName: 'converge-testing', max: 1 });
  try {
    await migrate(database, sets);
  } finally {
    await database.close();
  }
  await session.query(`alter database "${template}" with is_template true allow_connections false`);
}

/** Gives a copy its own values where `migrate` writes other ones in each database. */
const renewRows = `
  do $$ begin
    if to_regclass('converge.source') is not null then
      update converge.source set id = default, name = current_database(), created_at = default;
    end if;
    if to_regclass('converge.tick') is not null then
      update converge.tick set created_at = default;
      update converge.relay_source set database_oid = (select oid from pg_database where datname = current_database());
    end if;
  end $$`;
