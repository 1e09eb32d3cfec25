import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '@convergekit/core';
import { type AppliedMigration, type Database, migrate } from '@convergekit/postgres';
import { urlOf } from '@convergekit/postgres/engine';
import { migrationName, readMigrations } from '@convergekit/postgres/operate';
import { allMigrations } from '@convergekit/operate';
import { explain } from '@convergekit/operate/host';
import { ownMigrations } from '../migrate/own-migrations.ts';
import { databaseOf, type DevService } from './dev-services.ts';
import { folderWatch } from './dev-watch.ts';

/** Returns the folder of a service's migrations: the one that was given, else the first that exists. */
export function folderOf(service: DevService, given: string | undefined): string | undefined {
  return given ?? service.migrations.find((folder) => existsSync(folder));
}

/** Rejects when a file of the folder has a name that does not fit, before anything is started. */
export async function checkFolder(folder: string | undefined): Promise<void> {
  if (folder !== undefined) await readMigrations(ownMigrations(folder));
}

export interface OwnMigrations {
  /** The service. */
  readonly name: string;
  readonly database: Database;
  readonly folder: string | undefined;
  readonly say: (line: string) => void;
}

/**
 * Applies the kit's migrations, and those of the folder. A new file of an editor is empty at first, and what was applied cannot be
 * changed: while one has no statement, the folder waits.
 */
export function migrateDatabase({
  name,
  database,
  folder,
  say,
}: OwnMigrations): Promise<readonly AppliedMigration[]> {
  const empty = folder === undefined ? undefined : emptyIn(folder);
  if (empty !== undefined) say(`${name}: ${empty} has no statement yet, so its folder waits`);
  const own = folder === undefined || empty !== undefined ? [] : [ownMigrations(folder)];
  return migrate(database, [...allMigrations, ...own]);
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

interface Watched extends OwnMigrations {
  readonly folder: string;
  /** The folder of the data: without it everything begins anew. */
  readonly data: string;
  /** Called after migrations were applied. */
  readonly applied: () => void;
}

/** Applies migrations as soon as they are in the folder. What is wrong with one is said, and it is tried at the next change. */
export function migrationWatch({ data, applied, ...own }: Watched): Service {
  const { name, folder, say } = own;
  return folderWatch({
    folder,
    concerns: (path) => path.endsWith('.sql'),
    onChange: async () => {
      try {
        const done = await migrateDatabase(own);
        if (done.length === 0) return;
        say(`${name}: ${done.map(migrationName).join(', ')} applied; it starts again`);
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
