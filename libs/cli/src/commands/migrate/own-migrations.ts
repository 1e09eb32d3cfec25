import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationSet } from '@convergekit/postgres';
import { misconfigured } from '@convergekit/operate/errors';

/** The migrations of a service, under the name of its package. Rejects with FOLDER_MISSING. */
export function ownMigrations(folder: string): MigrationSet {
  const path = resolve(folder);
  if (!existsSync(path) || !statSync(path).isDirectory())
    throw misconfigured(
      'FOLDER_MISSING',
      `there is no folder ${path}: give the folder that has your migrations, 001-name.sql and so on`,
    );
  return { name: packageName() ?? 'service', directory: pathToFileURL(`${path}/`) };
}

function packageName(): string | undefined {
  if (!existsSync('package.json')) return undefined;
  const { name } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly name?: string };
  return name;
}
