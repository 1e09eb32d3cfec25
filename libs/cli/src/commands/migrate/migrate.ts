import { messageOf } from '@convergekit/core/engine';
import { nameSource, readSource } from '@convergekit/outbox/engine';
import { localMigrations } from '@convergekit/local';
import { chosenBroker } from '@convergekit/local/choose';
import { type AppliedMigration, type Executor, migrate } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { migrationName } from '@convergekit/postgres/operate';
import { allMigrations, DUTIES, type Duty, roleSql } from '@convergekit/operate';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { ownMigrations } from './own-migrations.ts';
import { renewSource } from './renew-source.ts';

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
    const isCopy = await renewSource(database.executor);
    if (name !== undefined) await nameSource(database.executor, name);
    const source = await readSource(database.executor);
    const grants = await renewGrants(database.executor);
    return result({ applied, source, grants }, () => [
      ...applied.map((one) => `applied ${migrationName(one)}`),
      ...(applied.length === 0 ? ['nothing to apply: the database is up to date'] : []),
      ...grantLines(grants),
      ...(isCopy ? ['a copy of a template that had no event: it has an identity of its own now'] : []),
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

const usedSql = `
  select duty from unnest($1::text[]) duty join pg_roles on rolname = 'converge_' || duty
   where has_schema_privilege(rolname, 'converge', 'usage')`;

/** What became of the grants of a duty. */
interface Renewal {
  readonly duty: Duty;
  /** Why they were not renewed. */
  readonly refused?: string;
}

/**
 * Renews the grants of each duty whose role has rights in this database, so that new tables have them before the new code
 * starts. Roles are not made here: that is `converge roles`, by a login that may create them.
 */
async function renewGrants(executor: Executor): Promise<readonly Renewal[]> {
  const { rows } = await executor.query<{ duty: Duty }>(usedSql, [DUTIES]);
  const renewed: Renewal[] = [];
  for (const { duty } of rows) renewed.push(await renew(executor, duty));
  return renewed;
}

async function renew(executor: Executor, duty: Duty): Promise<Renewal> {
  try {
    await executor.query(grantsOf(roleSql(duty)));
    return { duty };
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    return { duty, refused: messageOf(error) };
  }
}

/** The statements of a role file that the owner of the tables may run without the right to create or to grant roles. Pure. */
function grantsOf(sql: string): string {
  return sql
    .split('\n')
    .filter((line) => !/^do \$\$ begin create role |^grant converge_/.test(line))
    .join('\n');
}
