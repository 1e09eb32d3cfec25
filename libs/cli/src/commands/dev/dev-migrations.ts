import { existsSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import type { Service } from '@convergekit/core';
import { loopService } from '@convergekit/core/engine';
import { type AppliedMigration, type Database, migrate } from '@convergekit/postgres';
import { allMigrations } from '../../frame/all-migrations.ts';
import { explain } from '../../frame/explain.ts';
import { ownMigrations } from '../migrate/own-migrations.ts';
import { databaseOf, type DevService, urlOf } from './dev-services.ts';

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
  readonly say: (line: string) => void;
  /** Called after migrations were applied. */
  readonly applied: () => void;
}

/** Applies migrations as soon as they are in the folder. What is wrong with one is said, and it is tried at the next change. */
export function migrationWatch({ name, folder, database, say, applied }: Watched): Service {
  return loopService({
    name: `migrations of ${name}`,
    run: async (stopping) => {
      try {
        for await (const change of watch(folder, { signal: stopping })) {
          if (!String(change.filename).endsWith('.sql')) continue;
          try {
            const done = await migrateDatabase(database, folder);
            if (done.length === 0) continue;
            say(`${name}: ${done.map(fileOf).join(', ')} applied; it starts again`);
            applied();
          } catch (error) {
            say(`${name}: ${explain(error).message}`);
          }
        }
      } catch (error) {
        if (!stopping.aborted) throw error;
      }
    },
  });
}
