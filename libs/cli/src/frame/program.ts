import { readFileSync } from 'node:fs';
import { Argument, Command } from 'commander';
import { type Act, pair, positive } from './command-parts.ts';
import type { MigrateFlags } from '../commands/migrate/migrate.ts';
import type { ReconcileFlags } from '../commands/reconcile/reconcile.ts';
import type { RolesFlags } from '../commands/roles/roles.ts';
import type { CreateFlags } from '../commands/topics/create.ts';
import { addConsumerCommands } from '../commands/consumers/index.ts';
import { addEventCommands } from '../commands/event/index.ts';
import { addEffectCommands } from '../commands/effects/index.ts';
import { addAcceptCommand, addOutboxCommands } from '../commands/outbox/index.ts';
import { addParkedCommands } from '../commands/parked/index.ts';
import { addPolicyCommands } from '../commands/policy/index.ts';
import { createOutput, type Streams } from './output.ts';
import { DUTIES, type Duty } from '../commands/roles/role-files.ts';
import { readSettings } from './settings.ts';
import { addSagaCommands } from '../commands/saga/index.ts';
import { addSourceCommands } from '../commands/source/index.ts';
import { addStackCommands } from '../commands/workflow/index.ts';

/** Remembers what a finished command found: a check that failed is an answer, not an error. */
export interface Ending {
  exitCode: number;
}

interface CommonFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** Of `topics create` it is the topic's configuration, hence not always a string. */
  readonly config?: unknown;
}

/** The command tree. Actions reject with errors for `explain`; nothing here ends the process. */
export function buildProgram(streams: Streams, ending: Ending): Command {
  const program = new Command('converge')
    .description('Outbox, relay, consumers and reconcilers for services that must agree.')
    .version(version(), '--version', 'print the version')
    .option('--config <file>', 'YAML file with settings; the environment overrides it')
    .addHelpText('after', environment)
    // Without this, `topics create --config key=value` would be taken for the settings file.
    .enablePositionalOptions();
  const act: Act = async (command, action) => {
    const flags = [program.opts<CommonFlags>(), command.opts<CommonFlags>()];
    const [file] = flags.map(({ config }) => config).filter((config) => typeof config === 'string');
    const output = createOutput(streams, {
      json: flags.some(({ json }) => json === true),
      quiet: flags.some(({ quiet }) => quiet === true),
    });
    if (!(await action({ settings: readSettings(process.env, file), output }))) ending.exitCode = 1;
  };
  addDatabaseCommands(program, act);
  addTopicCommands(program, act);
  addSourceCommands(program, act);
  addOutboxCommands(program, act);
  addConsumerCommands(program, act);
  addEventCommands(program, act);
  addParkedCommands(program, act);
  addEffectCommands(program, act);
  addStackCommands(program, act);
  addSagaCommands(program, act);
  addPolicyCommands(program, act);
  addReconcileCommands(program, act);
  configure(program, streams);
  return program;
}

/** What all commands have in common, the root included. */
function configure(command: Command, streams: Streams): void {
  command
    .helpOption('--help', 'show help')
    .option('--json', 'print results as JSON')
    .option('--quiet', 'no progress on stderr')
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
      // `explain` prints errors, in one line like all others.
      outputError: () => undefined,
    })
    .exitOverride();
  for (const child of command.commands) configure(child, streams);
}

// Each action imports its command when it runs: `converge --help` need not load Kafka, Postgres and OpenTelemetry.
function addDatabaseCommands(program: Command, act: Act): void {
  program
    .command('migrate')
    .description('create or update the tables of converge in DATABASE_URL; safe to repeat')
    .option('--source <name>', "name of this outbox in events (default: the database's name)")
    .action((flags: MigrateFlags, command: Command) =>
      act(command, async (context) =>
        (await import('../commands/migrate/migrate.ts')).migrateCommand(context, flags),
      ),
    );
  program
    .command('roles')
    .description(
      'print the SQL of database roles with the least rights: pipe it to psql, as the owner of the tables',
    )
    .addArgument(new Argument('[duties...]', 'which roles (default: all)').choices(DUTIES))
    .option('--to <login>', 'also grant them to this login')
    .action((duties: Duty[], flags: RolesFlags, command: Command) =>
      act(command, async (context) =>
        (await import('../commands/roles/roles.ts')).printRoles(context, duties, flags),
      ),
    );
  program
    .command('relay')
    .description(
      'publish the outbox of DATABASE_URL to KAFKA_BROKERS; of several, one leads and the others stand by',
    )
    .action((_flags: unknown, command: Command) =>
      act(command, async (context) => (await import('../commands/relay/relay.ts')).relayCommand(context)),
    );
  program
    .command('doctor')
    .description('check the database, the brokers and their topics; changes nothing')
    .action((_flags: unknown, command: Command) =>
      act(command, async (context) => (await import('../doctor/doctor.ts')).doctorCommand(context)),
    );
}

function addTopicCommands(program: Command, act: Act): void {
  const topics = program.command('topics').description('create and check the topics that events go to');
  addAcceptCommand(topics, act);
  topics
    .command('create')
    .description('create topics that do not exist; one with the same number of partitions is fine')
    .argument('<names...>', 'topic names')
    .requiredOption('--partitions <n>', 'partitions of each', positive)
    .option('--replication-factor <n>', "copies of each partition (default: the brokers')", positive)
    .option('--config <key=value>', 'configuration of the topic; may be repeated', pair, {})
    .action((names: string[], flags: CreateFlags, command: Command) =>
      act(command, async (context) =>
        (await import('../commands/topics/create.ts')).createTopics(context, names, flags),
      ),
    );
  topics
    .command('check')
    .description('check that topics exist and suit events')
    .argument('[names...]', 'topic names (default: those that the outbox of DATABASE_URL uses)')
    .action((names: string[], _flags: unknown, command: Command) =>
      act(command, async (context) =>
        (await import('../commands/topics/create.ts')).checkTopics(context, names),
      ),
    );
}

function addReconcileCommands(program: Command, act: Act): void {
  const modules = 'files or packages that export reconcilers (default: CONVERGE__RECONCILE__MODULES)';
  const reconcile = program.command('reconcile').description('find and repair divergence between services');
  reconcile
    .command('run')
    .description('run reconcilers on their schedules, until stopped')
    .argument('[modules...]', modules)
    .option('--once', 'run each once and end')
    .action((names: string[], flags: ReconcileFlags, command: Command) =>
      act(command, async (context) =>
        (await import('../commands/reconcile/reconcile.ts')).runReconcilers(context, names, flags),
      ),
    );
  reconcile
    .command('list')
    .description('show the reconcilers of the modules, with their schedules')
    .argument('[modules...]', modules)
    .action((names: string[], _flags: unknown, command: Command) =>
      act(command, async (context) =>
        (await import('../commands/reconcile/reconcile.ts')).listReconcilers(context, names),
      ),
    );
}

const environment = `
Settings come from the environment:
  DATABASE_URL           postgres://user:password@host:5432/database (or the PG* variables)
  KAFKA_BROKERS          host:port, separated by commas
  LOG_LEVEL              trace, debug, info, warn, error, silent (default: info); debug shows stacks
  CONVERGE__RELAY__SOURCES__<NAME>  several outboxes for one relay, in place of DATABASE_URL
  CONVERGE__RELAY__RETAIN_MS        how long published events stay in the outbox (default: a day)
  CONVERGE__POLICIES__<NAME>__<FIELD>  a policy: CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS=2
  CONVERGE__HEALTH__PORT port of /livez, /readyz, /startupz, /metrics (default: 0, any free one)
  OTEL_*                 as OpenTelemetry defines them; without an endpoint nothing is exported

Exit codes: 0 done, 1 failed, 78 the configuration must change.

A first event, end to end:
  converge migrate
  converge topics create bb.events --partitions 6
  converge relay
  psql "$DATABASE_URL" <<'SQL'
  select converge.emit('bb.events', 'k1', 'bb.thing', '{"n":1}', '{}');
  SQL
`;

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
