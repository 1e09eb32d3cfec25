import type { Command, Group } from '../../libs/cli/src/frame/command.ts';
import type { Flag } from '../../libs/cli/src/frame/flags.ts';

/** A name below `converge` with its commands. */
export interface LoadedNoun {
  readonly name: string;
  readonly summary: string;
  readonly commands: Command | readonly (Command | Group)[];
}

const HEAD = `# Command line

\`npx convergekit <command>\` runs a command of the package \`convergekit\`. Its settings come from the environment: [settings](settings.md).

\`\`\`sh
npx convergekit doctor            # checks the database, the brokers and their topics
npx convergekit topics --help     # the commands of a noun
\`\`\`

- Every command takes \`--json\` (the result as JSON), \`--quiet\` (no progress on stderr), \`--config <file>\` (a YAML file with settings) and \`--help\`.
- \`--yes\`: do not ask for confirmation. \`--dry-run\`: show what would happen, and change nothing. \`--database <url...>\`: more databases, of other
  services that take part. An option with \`...\` may be repeated.
- Results go to stdout, everything else to stderr.
- Exit codes: 0 done; 1 failed, or something was found wrong; 2 the command line must change; 78 the settings must change.

\`make docs\` generates this page from the commands in the code. Do not edit it.
`;

/** Renders the page. Pure. */
export function cliPage(nouns: readonly LoadedNoun[]): string {
  const overview = nouns.map(({ name }) => `[${name}](#converge-${name})`);
  return [HEAD, `${overview.join(' · ')}\n`, ...nouns.flatMap(nounText)].join('\n');
}

function nounText({ name, summary, commands }: LoadedNoun): readonly string[] {
  if ('run' in commands) return [commandText(commands, 'converge', '##')];
  return [
    `## converge ${name}\n\n${sentence(summary)}\n`,
    ...commands.flatMap((one) =>
      'run' in one
        ? [commandText(one, `converge ${name}`, '###')]
        : one.commands.map((below) => commandText(below, `converge ${name} ${one.name}`, '###')),
    ),
  ];
}

function commandText(command: Command, above: string, level: string): string {
  const { name, aliases, summary, args, flags } = command;
  const required = Object.entries(flags).filter(([, flag]) => flag.required === true);
  const usage = [
    above,
    name,
    ...Object.entries(args).map(([each, flag]) => argumentText(each, flag)),
    ...required.map(([each, flag]) => optionText(each, flag)),
    ...(required.length < Object.keys(flags).length ? ['[options]'] : []),
  ].join(' ');
  const lines = [
    ...Object.entries(args).map(([each, flag]) => lineOf(argumentText(each, flag), flag)),
    ...Object.entries(flags)
      .filter(([each, { help }]) => SHARED[each] !== help)
      .map(([each, flag]) => lineOf(optionText(each, flag), flag)),
    ...sharedOf(flags),
  ];
  return [
    `${level} ${above} ${name}\n`,
    `${sentence(summary)}${aliases.length === 0 ? '' : ` Also \`${above} ${aliases.join(', ')}\`.`}\n`,
    ...(lines.length === 0 ? [] : [`\`${usage}\`\n`, [...lines, ''].join('\n')]),
  ].join('\n');
}

/** The options that the head of the page explains once, with their help. */
const SHARED: Readonly<Record<string, string>> = {
  yes: 'do not ask for confirmation',
  dryRun: 'show what would happen, and change nothing',
  database: 'more databases, of other services that take part',
};

/** The line of the shared options of a command. */
function sharedOf(flags: Readonly<Record<string, Flag<unknown>>>): readonly string[] {
  const shared = Object.entries(flags).filter(([each, { help }]) => SHARED[each] === help);
  if (shared.length === 0) return [];
  return [`- ${shared.map(([each, flag]) => `\`${optionText(each, flag)}\``).join(', ')}`];
}

function lineOf(shown: string, flag: Flag<unknown>): string {
  const notes = [
    ...(flag.choices === undefined ? [] : [`one of ${flag.choices.join(', ')}`]),
    ...initialOf(flag),
    ...(flag.conflicts === undefined
      ? []
      : [`not with ${flag.conflicts.map((one) => `--${kebab(one)}`).join(', ')}`]),
  ];
  return `- \`${shown}\`: ${escaped([flag.help, ...notes].join('; '))}`;
}

function initialOf({ initial }: Flag<unknown>): readonly string[] {
  const values = typeof initial === 'object' ? Object.values(initial ?? {}).map(String) : [initial];
  const text = values.filter((one) => typeof one === 'string' || typeof one === 'number').join(', ');
  return text === '' ? [] : [`default: ${text}`];
}

function argumentText(name: string, { many, required }: Flag<unknown>): string {
  const named = kebab(name) + (many === true ? '...' : '');
  return required === true ? `<${named}>` : `[${named}]`;
}

function optionText(name: string, { value, many }: Flag<unknown>): string {
  return `--${kebab(name)}${value === undefined ? '' : ` <${value}${many === true ? '...' : ''}>`}`;
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${escaped(text.slice(1))}.`;
const escaped = (text: string): string => text.replace(/<(?![^`]*`)/g, '&lt;');
