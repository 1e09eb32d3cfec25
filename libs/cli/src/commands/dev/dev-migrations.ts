import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '@convergekit/core';
import { type AppliedMigration, type Database, migrate } from '@convergekit/postgres';
import { allMigrations } from '../../frame/all-migrations.ts';
import { explain } from '../../frame/explain.ts';
import { ownMigrations } from '../migrate/own-migrations.ts';
import { databaseOf, type DevService, urlOf } from './dev-services.ts';
import { folderWatch } from './dev-watch.ts';

/** Returns the folder of a service's migrations: the one that was given, else the first that exists. */
export function folderOf(service: DevService, given: string | undefined): string | undefined {
  return given ?? service.migrations.find((folder) => existsSync(folder));
}

/** Applies the kit's migrations, and those of the folder. */
export function migrateDatabase(
  database: Database,
  folder: string | undefined,
): Promise<readonly AppliedMigration[]> {
  return migrate(database, [...allMigrations, ...(folder === undefined ? [] : [ownMigrations(folder)])]);
}

/** Makes the database of a service on a server, unless it is there, and returns its URL. */
export async function makeDatabase(
  server: Database,
  serverUrl: string,
  service: DevService,
): Promise<string> {
  const name = databaseOf(service);
  const { rowCount } = await server.executor.query('select from pg_database where datname = $1', [name]);
  if (rowCount === 0) await server.executor.query(`create database "${name}"`);
  return urlOf(serverUrl, name);
}

const fileOf = ({ number, name }: AppliedMigration): string =>
  `${String(number).padStart(3, '0')}-${name}.sql`;

interface Watched {
  readonly name: string;
  readonly folder: string;
  readonly database: Database;
  /** The folder of the data: without it everything begins anew. */
  readonly data: string;
  readonly say: (line: string) => void;
  /** Called after migrations were applied. */
  readonly applied: () => void;
}

/** Applies migrations as soon as they are in the folder. What is wrong with one is said, and it is tried at the next change. */
export function migrationWatch({ name, folder, database, data, say, applied }: Watched): Service {
  return folderWatch({
    folder,
    concerns: (path) => path.endsWith('.sql'),
    onChange: async () => {
      // A new file of an editor is empty at first; a migration that was applied cannot be changed.
      const empty = emptyIn(folder);
      if (empty !== undefined) return say(`${name}: ${empty} has no statement yet`);
      try {
        const done = await migrateDatabase(database, folder);
        if (done.length === 0) return;
        say(`${name}: ${done.map(fileOf).join(', ')} applied; it starts again`);
        applied();
      } catch (error) {
        const { message } = explain(error);
        const changed = error instanceof Error && 'code' in error && error.code === 'MIGRATION_CHANGED';
        say(`${name}: ${message}${changed ? `; or end this command and remove ${data} to begin anew` : ''}`);
      }
    },
  });
}

/** Returns a migration without a statement. */
function emptyIn(folder: string): string | undefined {
  return globSync('*.sql', { cwd: folder }).find((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return text.replaceAll(/--.*|\/\*[^]*?\*\//g, '').trim() === '';
  });
}
