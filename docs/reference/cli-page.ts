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
- An option with \`...\` may be repeated. Those of several commands are explained [below](#options-of-several-commands).
- Results go to stdout, everything else to stderr.
- Exit codes: 0 done; 1 failed, or something was found wrong; 2 the command line must change; 78 the settings must change.

\`make docs\` generates this page from the commands in the code. Do not edit it.
`;

/** Renders the page. Pure. */
export function cliPage(nouns: readonly LoadedNoun[]): string {
  const overview = nouns.map(({ name }) => `[${name}](#converge-${name})`);
  const shared = sharedLines(nouns);
  return [
    HEAD,
    `${overview.join(' · ')}\n`,
    '## Options of several commands\n',
    [...shared].map((line) => `${line}\n`).join(''),
    ...nouns.flatMap((noun) => nounText(noun, shared)),
  ].join('\n');
}

/** The lines of options that at least three commands have word for word, one for each option. */
function sharedLines(nouns: readonly LoadedNoun[]): ReadonlySet<string> {
  const commands = nouns.flatMap(({ commands: own }) =>
    'run' in own ? [own] : own.flatMap((one) => ('run' in one ? [one] : one.commands)),
  );
  const options = commands.flatMap(linesOf).filter(({ shown }) => shown.startsWith('--'));
  const shared = [...Map.groupBy(options, ({ shown }) => shown).values()].flatMap((own) => {
    const counted = [...Map.groupBy(own, ({ line }) => line)].map(([line, { length }]) => ({ line, length }));
    const [most] = counted.toSorted((one, other) => other.length - one.length);
    return most === undefined || most.length < 3 ? [] : [most.line];
  });
  return new Set(shared.toSorted());
}

interface ShownLine {
  readonly shown: string;
  readonly line: string;
  /** True for what the usage does not show. */
  readonly isOption: boolean;
}

function linesOf({ args, flags }: Command): readonly ShownLine[] {
  const line = (shown: string, flag: Flag<unknown>, isOption: boolean): ShownLine => ({
    shown,
    line: lineOf(shown, flag),
    isOption,
  });
  return [
    ...Object.entries(args).map(([each, flag]) => line(argumentText(each, flag), flag, false)),
    ...Object.entries(flags).map(([each, flag]) =>
      line(optionText(each, flag), flag, flag.required !== true),
    ),
  ];
}

function nounText({ name, summary, commands }: LoadedNoun, shared: ReadonlySet<string>): readonly string[] {
  if ('run' in commands) return [commandText(commands, 'converge', { level: '##', shared })];
  return [
    `## converge ${name}\n\n${sentence(summary)}\n`,
    ...commands.flatMap((one) =>
      'run' in one
        ? [commandText(one, `converge ${name}`, { level: '###', shared })]
        : one.commands.map((below) =>
            commandText(below, `converge ${name} ${one.name}`, { level: '###', shared }),
          ),
    ),
  ];
}

function commandText(
  command: Command,
  above: string,
  { level, shared }: { readonly level: string; readonly shared: ReadonlySet<string> },
): string {
  const { name, aliases, summary, args, flags } = command;
  const required = Object.entries(flags).filter(([, flag]) => flag.required === true);
  const usage = [
    above,
    name,
    ...Object.entries(args).map(([each, flag]) => argumentText(each, flag)),
    ...required.map(([each, flag]) => optionText(each, flag)),
    ...(required.length < Object.keys(flags).length ? ['[options]'] : []),
  ].join(' ');
  const all = linesOf(command);
  const known = all.filter(({ line, isOption }) => isOption && shared.has(line));
  const lines = [
    ...all.flatMap(({ line }) => (shared.has(line) ? [] : [line])),
    ...(known.length === 0 ? [] : [`- ${known.map(({ shown }) => `\`${shown}\``).join(', ')}`]),
  ];
  return [
    `${level} ${above} ${name}\n`,
    `${sentence(summary)}${aliases.length === 0 ? '' : ` Also \`${above} ${aliases.join(', ')}\`.`}\n`,
    ...(all.length === 0
      ? []
      : [`\`${usage}\`\n`, ...(lines.length === 0 ? [] : [[...lines, ''].join('\n')])]),
  ].join('\n');
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
