import { migrate } from '@convergekit/postgres';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { allMigrations } from '../../frame/all-migrations.ts';
import { nameSource } from './source.ts';

export interface MigrateFlags {
  readonly source?: string;
}

/** Applies every migration that the database lacks, and gives the source its name. Repeating it changes nothing. */
export async function migrateCommand(
  { settings, output }: CommandContext,
  flags: MigrateFlags,
): Promise<boolean> {
  return withDatabase(settings, 'converge-migrate', async (database) => {
    const { host, port, database: name } = database.target;
    output.progress(`migrating ${name} on ${host}:${port}`);
    const applied = await migrate(database, allMigrations);
    const source = await nameSource(database.executor, flags.source);
    output.result({ applied, source }, () => [
      ...applied.map(
        (one) =>
          `${one.adopted === true ? 'adopted' : 'applied'} ${one.package}/${String(one.number).padStart(3, '0')}-${one.name}`,
      ),
      ...(applied.length === 0 ? ['nothing to apply: the database is up to date'] : []),
      `source ${source.name} (${source.id}, epoch ${source.epoch})`,
    ]);
    return true;
  });
}
