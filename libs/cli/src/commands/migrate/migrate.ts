import { nameSource, readSource } from '@convergekit/outbox/engine';
import { localMigrations } from '@convergekit/local';
import { chosenBroker } from '@convergekit/local/choose';
import { type AppliedMigration, migrate } from '@convergekit/postgres';
import { migrationName } from '@convergekit/postgres/engine';
import { allMigrations } from '../../frame/all-migrations.ts';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { type Renewal, renewGrants } from './renew-grants.ts';
import { ownMigrations } from './own-migrations.ts';

/** Applies every migration that the database lacks, and gives the source its name. Repeating it changes nothing. */
export const migrateCommand = command({
  name: 'migrate',
  summary: 'create or update the tables of converge in DATABASE_URL; safe to repeat',
  flags: {
    source: text('name', "name of this outbox in events (default: the database's name)"),
    folder: text('folder', 'migrations of your own that are applied after them: 001-name.sql and so on'),
  },
  run: async (context, { source: name, folder }) => {
    const own = folder === undefined ? [] : [ownMigrations(folder)];
    const database = await context.database();
    const { host, port, database: on } = database.target;
    context.output.progress(`migrating ${on} on ${host}:${port}`);
    const applied = [
      ...(await migrate(database, [...allMigrations, ...own])),
      ...(await migrateLog(context)),
    ];
    if (name !== undefined) await nameSource(database.executor, name);
    const source = await readSource(database.executor);
    const grants = await renewGrants(database.executor);
    return result({ applied, source, grants }, () => [
      ...applied.map((one) => `applied ${migrationName(one)}`),
      ...(applied.length === 0 ? ['nothing to apply: the database is up to date'] : []),
      ...grantLines(grants),
      `source ${source.name} (${source.id}, epoch ${source.epoch})`,
    ]);
  },
});

function grantLines(grants: readonly Renewal[]): readonly string[] {
  const renewed = grants.flatMap(({ duty, refused }) => (refused === undefined ? [duty] : []));
  return [
    ...(renewed.length === 0 ? [] : [`grants renewed: ${renewed.join(', ')}`]),
    ...grants.flatMap(({ duty, refused }) =>
      refused === undefined
        ? []
        : [
            `grants of ${duty} were not renewed (${refused}): run \`converge roles ${duty}\` as the owner of the tables`,
          ],
    ),
  ];
}

/** Applies the tables of the local log where it is the broker: in its own database, if it has one. */
async function migrateLog(context: CommandContext): Promise<readonly AppliedMigration[]> {
  const { settings } = context;
  if (chosenBroker(settings) !== 'local') return [];
  const { url } = settings.local;
  const log =
    url === undefined
      ? await context.database()
      : await context.databaseAt(url, { setting: 'CONVERGE__LOCAL__URL' });
  return migrate(log, [localMigrations]);
}
