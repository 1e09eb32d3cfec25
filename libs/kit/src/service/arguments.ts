import { ConvergeError } from '@convergekit/core';

/** The command line of a service. */
export interface Arguments {
  /** A YAML file with settings. */
  readonly file: string | undefined;
  /** Settings by path: `health.port`. */
  readonly flags: Readonly<Record<string, string>>;
}

/** Reads `--config <file>` and `--<path of a setting> <value>`, each also with `=`. Throws ARGUMENT_INVALID. */
export function argumentsOf(argv: readonly string[]): Arguments {
  const flags: Record<string, string> = {};
  const rest = argv.values();
  for (const word of rest) {
    const [, name, given] = /^--([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(word) ?? [];
    const value = given ?? (name === undefined ? undefined : rest.next().value);
    if (name === undefined || value === undefined) throw invalid(word);
    flags[name] = value;
  }
  const { config: file, ...others } = flags;
  return { file, flags: others };
}

function invalid(word: string): ConvergeError {
  // The word itself is left out where it is no name: it may be a password that lost its flag.
  const what = word.startsWith('--')
    ? `${word.split('=')[0] ?? ''} has no value`
    : 'a value stands without its flag';
  return new ConvergeError(
    `the command line cannot be read: ${what}; give --config <file>, or a setting as --health.port=9000`,
    { code: 'ARGUMENT_INVALID', category: 'configuration', certainty: 'not_applied' },
  );
}
