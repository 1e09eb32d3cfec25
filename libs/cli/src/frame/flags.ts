import { REASON_MAX } from '@convergekit/postgres/operate';
import { InvalidArgumentError } from 'commander';

/** An option or argument of a command: its help text, and the conversion of its text to `T`. */
export interface Flag<T> {
  readonly help: string;
  /** Names the value in help; a quantity names its unit (`--limit <events>`). An option without it is a switch. */
  readonly value?: string;
  /** True when the option may be given several times. */
  readonly many?: true;
  readonly required?: true;
  readonly choices?: readonly string[];
  /** The value where none is given. Help shows it, unless it is an empty list. */
  readonly initial?: T;
  /** Options that contradict this one. */
  readonly conflicts?: readonly string[];
  /** Values of other options where this one is given and they are not. */
  readonly implies?: Readonly<Record<string, unknown>>;
  readonly parse?: (text: string, before: unknown) => T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;
/** The values of flags, by name. */
export type Values<F> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

type Conflicts = Pick<Flag<never>, 'conflicts'>;

export function toggle(help: string, more: Conflicts = {}): Flag<boolean> {
  return { help, ...more };
}

export function text(value: string, help: string, more: Conflicts = {}): Flag<string | undefined> {
  return { help, value, ...more };
}

export function texts(value: string, help: string): Flag<readonly string[]> {
  return { help, value, many: true, initial: [] };
}

/** One or more states of a fixed set. */
export function states<T extends string>(
  all: readonly T[],
  help: string,
  initial: readonly T[] = [],
): Flag<readonly T[]> {
  return { help, value: 'state', many: true, choices: all, initial };
}

/** One value of a fixed set, of which the first is the default. */
export function choice<T extends string>(help: string, all: readonly [T, ...T[]]): Flag<T> {
  return { help, value: 'name', choices: all, initial: all[0] };
}

/** A quantity from 1, in a unit. */
export function count(unit: string, help: string, initial: number): Flag<number>;
export function count(unit: string, help: string): Flag<number | undefined>;
export function count(unit: string, help: string, initial?: number): Flag<number | undefined> {
  const parse = wholeFrom(1);
  return initial === undefined ? { help, value: unit, parse } : { help, value: unit, parse, initial };
}

export function instant(help: string): Flag<Date | undefined> {
  return {
    help: `${help}, as 2026-01-31T12:00:00Z`,
    value: 'time',
    parse: (given) => {
      const time = new Date(given);
      if (Number.isNaN(time.getTime()))
        throw new InvalidArgumentError('It must be a time, as 2026-01-31T12:00:00Z');
      return time;
    },
  };
}

/** Text that is JSON, passed on unchanged. */
export function json(help: string, more: Conflicts = {}): Flag<string | undefined> {
  return {
    help,
    value: 'json',
    ...more,
    parse: (given) => {
      try {
        JSON.parse(given);
      } catch (cause) {
        throw new InvalidArgumentError(`It must be JSON: ${String(cause)}`);
      }
      return given;
    },
  };
}

/** The reason of an operator for a change. The reason is stored with the change. */
export const reason = (help: string): Flag<string> => ({
  ...usualReason(help),
  required: true,
});

/** A reason that has a usual text where none is given. */
export function usualReason(help: string): Flag<string> {
  return {
    help,
    value: 'text',
    parse: (given) => {
      if (given.trim() === '') throw new InvalidArgumentError('It must say why');
      if (given.length > REASON_MAX)
        throw new InvalidArgumentError(`It must have at most ${REASON_MAX} characters`);
      return given;
    },
  };
}

/** The flag of a command that asks before it acts; the command's context obeys it. */
export const asks = { yes: toggle('do not ask for confirmation') };
/** A look needs no reason. */
export const dryRun = {
  dryRun: { ...toggle('show what would happen, and change nothing'), implies: { reason: 'a look' } },
};

export function argument(help: string): Flag<string>;
export function argument<T>(help: string, parse: (given: string) => T): Flag<T>;
export function argument(help: string, parse?: (given: string) => unknown): Flag<unknown> {
  return { help, required: true, ...(parse !== undefined && { parse }) };
}

export function optionalArgument(help: string): Flag<string | undefined> {
  return { help };
}

/** The rest of the arguments, one at least. */
export function someArguments(help: string): Flag<readonly string[]> {
  return { help, many: true, required: true };
}

export function anyArguments<T extends string = string>(
  help: string,
  all?: readonly T[],
): Flag<readonly T[]> {
  return { help, many: true, initial: [], ...(all !== undefined && { choices: all }) };
}

export function wholeFrom(least: 0 | 1): (given: string) => number {
  return (given) => {
    if (!/^\d{1,9}$/.test(given) || Number(given) < least)
      throw new InvalidArgumentError(`It must be a whole number from ${least}`);
    return Number(given);
  };
}
