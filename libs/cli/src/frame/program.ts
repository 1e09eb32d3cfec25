import { nearest } from '@convergekit/config/engine';
import { Argument, Command as Parser, CommanderError, Option } from 'commander';
import type { Command, Group, Noun } from './command.ts';
import { UsageError } from '@convergekit/operate/errors';
import type { Flag } from './flags.ts';
import type { Streams } from './output.ts';
import { version } from '../version.ts';

/** A command with the values of its arguments and flags, as the command line gives them. */
export interface Call {
  readonly command: Command;
  /** The command's full name, such as `topics create`. */
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly json: boolean;
  readonly quiet: boolean;
  /** The path of the settings file. */
  readonly config: string | undefined;
}

/** Parses a command line and passes the call to `act`. Rejects with CommanderError, also after it printed help. */
export async function parse(
  argv: readonly string[],
  nouns: readonly Noun[],
  streams: Streams,
  act: (call: Call) => Promise<void>,
): Promise<void> {
  const program = new Parser('converge')
    .description('Outbox, relay, consumers and reconcilers for services that must agree.')
    .version(version(), '--version', 'print the version')
    .option('--config <file>', 'YAML file with settings; the environment overrides it')
    .addHelpText('after', environment)
    // Positional options keep `topics create --config key=value` from being taken for the settings file.
    .enablePositionalOptions();
  for (const noun of nouns) await add(program, noun, argv, act);
  configure(program, streams);
  const called = calledParser(program, argv);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    // Help and version end by an "error", after their text was printed.
    if (!(error instanceof CommanderError) || error.exitCode === 0 || error.code === 'commander.help')
      throw error;
    const message = error.message.replace(/^error: |\.$/g, '').replace(/\n/g, ' ');
    throw new UsageError('COMMAND_LINE_INVALID', `${message}; see \`${fullName(called)} --help\``);
  }
}

type Act = (call: Call) => Promise<void>;

async function add(program: Parser, noun: Noun, argv: readonly string[], act: Act): Promise<void> {
  const parser = program.command(noun.name).description(noun.summary);
  if (!argv.includes(noun.name)) return;
  const loaded = await noun.load();
  if ('run' in loaded) return fill(parser, loaded, act);
  for (const one of loaded) addTo(parser, one, act);
}

function addTo(parent: Parser, one: Command | Group, act: Act): void {
  const parser = parent.command(one.name);
  if ('run' in one) return fill(parser, one, act);
  parser.description(one.summary);
  for (const below of one.commands) addTo(parser, below, act);
}

function fill(parser: Parser, command: Command, act: Act): void {
  parser.description(command.summary).aliases(command.aliases);
  const { args, flags } = command;
  for (const [name, flag] of Object.entries(args)) parser.addArgument(argumentOf(name, flag));
  for (const [name, flag] of Object.entries(flags)) parser.addOption(addedOption(name, flag));
  parser.action(async () => {
    const given = Object.keys(args).map((name, at) => [name, parser.processedArgs[at] as unknown] as const);
    const all = lineOf(parser).map((one) => one.opts<{ json?: true; quiet?: true; config?: unknown }>());
    const { config } = all[0] ?? {};
    await act({
      command,
      name: fullName(parser).replace('converge ', ''),
      input: {
        ...Object.fromEntries(Object.entries(args).map(([name, { initial }]) => [name, initial])),
        ...Object.fromEntries(
          Object.entries(flags).map(([name, { initial, value }]) => [
            name,
            initial ?? (value === undefined ? false : undefined),
          ]),
        ),
        ...parser.opts(),
        ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
      },
      json: all.some(({ json }) => json === true),
      quiet: all.some(({ quiet }) => quiet === true),
      config: typeof config === 'string' ? config : undefined,
    });
  });
}

function argumentOf(name: string, flag: Flag<unknown>): Argument {
  const named = kebab(name) + (flag.many === true ? '...' : '');
  const argument = new Argument(flag.required === true ? `<${named}>` : `[${named}]`, flag.help);
  if (flag.parse !== undefined) argument.argParser(flag.parse);
  // `choices` sets a parser of its own, which collects what is given.
  if (flag.choices !== undefined) argument.choices([...flag.choices]);
  return argument;
}

function addedOption(name: string, flag: Flag<unknown>): Option {
  const { value, many, required, choices, initial, conflicts, implies, parse: parser } = flag;
  const shape = value === undefined ? '' : ` <${value}${many === true ? '...' : ''}>`;
  const option = new Option(`--${kebab(name)}${shape}`, flag.help);
  if (parser !== undefined) option.argParser(parser);
  if (choices !== undefined) option.choices([...choices]);
  if (required === true) option.makeOptionMandatory();
  // An empty list is no default that help should show.
  if (typeof initial === 'object' && !(Array.isArray(initial) && initial.length === 0))
    option.default(initial, Object.values(initial ?? {}).join(', '));
  else if (typeof initial === 'number' || typeof initial === 'string')
    option.default(initial, String(initial));
  if (implies !== undefined) option.implies(implies);
  if (conflicts !== undefined) option.conflicts([...conflicts]);
  return option;
}

/** The option of a flag: `--dry-run`. Pure. */
export const optionOf = (name: string): string => `--${kebab(name)}`;

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Returns the parsers from the program down to the given one. */
function lineOf(parser: Parser): readonly Parser[] {
  return parser.parent === null ? [parser] : [...lineOf(parser.parent), parser];
}

const fullName = (parser: Parser): string =>
  lineOf(parser)
    .map((one) => one.name())
    .join(' ');

/** Sets what all commands have in common, the program included. */
function configure(parser: Parser, streams: Streams): void {
  parser
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
  for (const child of parser.commands) configure(child, streams);
}

/** Finds what a command line calls. Refuses a name that is no command, also before --help, which would hide it. */
function calledParser(program: Parser, argv: readonly string[]): Parser {
  let parser = program;
  const rest = argv.filter((one, at) => !one.startsWith('-') && argv[at - 1] !== '--config');
  for (const name of rest[0] === 'help' ? rest.slice(1) : rest) {
    if (parser.commands.length === 0) break;
    const next = parser.commands.find((one) => one.name() === name || one.aliases().includes(name));
    if (next === undefined) throw unknownCommand(parser, name);
    parser = next;
  }
  return parser;
}

function unknownCommand(parser: Parser, name: string): UsageError {
  const above = fullName(parser);
  const names = parser.commands.map((one) => one.name());
  const near = nearest(name, names);
  const hint = near === undefined ? '' : ` Did you mean \`${above} ${near}\`?`;
  return new UsageError(
    'COMMAND_LINE_INVALID',
    `there is no command \`${above} ${name}\`.${hint} \`${above} --help\` shows all`,
  );
}

const environment = `
Settings come from the environment:
  DATABASE_URL           postgres://user:password@host:5432/database (or the PG* variables)
  KAFKA_BROKERS          host:port, separated by commas
  LOG_LEVEL              trace, debug, info, warn, error, silent (default: info); debug shows stacks
  CONVERGE__RELAY__SOURCES__<NAME>  several outboxes for one relay, in place of DATABASE_URL
  CONVERGE__RELAY__RETAIN_MS        milliseconds that published events stay in the outbox (default: 86400000, a day)
  CONVERGE__POLICIES__<NAME>__<FIELD>  a policy: CONVERGE__POLICIES__PAYMENT__CHARGE__ATTEMPTS=2
  CONVERGE__HEALTH__PORT port of /livez, /readyz, /startupz, /metrics (default: 0, any free one)
  OTEL_*                 as OpenTelemetry defines them; without an endpoint nothing is exported

Exit codes: 0 done; 1 failed, or something was found wrong; 2 the command line must change; 78 the settings must change.

A first event, end to end:
  converge migrate
  converge topics create bb.events --partitions 6
  converge relay
  psql "$DATABASE_URL" <<'SQL'
  select converge.emit('bb.events', 'k1', 'bb.thing', '{"n":1}', '{}');
  SQL
`;
