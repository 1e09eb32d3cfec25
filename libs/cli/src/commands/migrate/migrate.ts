import { nameSource, readSource } from '@convergekit/outbox/engine';
import { migrate } from '@convergekit/postgres';
import { allMigrations } from '../../frame/all-migrations.ts';
import { command } from '../../frame/command.ts';
import { text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';

/** Applies every migration that the database lacks, and gives the source its name. Repeating it changes nothing. */
export const migrateCommand = command({
  name: 'migrate',
  summary: 'create or update the tables of converge in DATABASE_URL; safe to repeat',
  flags: { source: text('name', "name of this outbox in events (default: the database's name)") },
  run: async (context, { source: name }) => {
    const database = await context.database();
    const { host, port, database: on } = database.target;
    context.output.progress(`migrating ${on} on ${host}:${port}`);
    const applied = await migrate(database, allMigrations);
    if (name !== undefined) await nameSource(database.executor, name);
    const source = await readSource(database.executor);
    return result({ applied, source }, () => [
      ...applied.map(
        (one) =>
          `${one.adopted === true ? 'adopted' : 'applied'} ${one.package}/${String(one.number).padStart(3, '0')}-${one.name}`,
      ),
      ...(applied.length === 0 ? ['nothing to apply: the database is up to date'] : []),
      `source ${source.name} (${source.id}, epoch ${source.epoch})`,
    ]);
  },
});
