import type { CommandContext } from './context.ts';
import type { Flags, Values } from './flags.ts';
import type { Result } from './result.ts';

/** A command as a value: the program parses arguments and flags, and prints the result of `run`. */
export interface Command {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** Positional, in this order. */
  readonly args: Flags;
  readonly flags: Flags;
  /** Resolves with the result to print; undefined where the command wrote as it went. */
  run(context: CommandContext, input: never): Promise<Result | undefined>;
}

export interface Declared<A extends Flags, F extends Flags> {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly args?: A;
  readonly flags?: F;
  readonly run: (context: CommandContext, input: Values<A> & Values<F>) => Promise<Result | undefined>;
}

/** Declares a command. `run` gets arguments and flags by name, typed by their declarations. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- a command without arguments or flags has none
export function command<A extends Flags = {}, F extends Flags = {}>(declared: Declared<A, F>): Command {
  return { aliases: [], args: {}, flags: {}, ...declared };
}

/** Commands below a noun: `consumers types list`. */
export interface Group {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly Command[];
}

/** A name below `converge`. The commands of a noun are imported at its call: help imports none. */
export interface Noun {
  readonly name: string;
  readonly summary: string;
  /** Loads the commands, or one command where the noun is a command itself (`converge migrate`). */
  readonly load: () => Promise<Command | readonly (Command | Group)[]>;
}
