import { z } from 'zod';

/** A value that a view or an act is given: as an option of a command, as a field of a form, in an address, or as JSON. */
export interface Field<T = unknown> {
  readonly schema: z.ZodType<T>;
  readonly shape: Shape;
  readonly help: string;
  /** True where a command takes it by its place. @default false */
  readonly isArgument?: boolean;
  /** True where the form of an act asks for it; the others choose the things, and are in the address. @default false */
  readonly isAsked?: boolean;
  readonly isRequired?: boolean;
}

/** How a field is written. `value` names what is given, and a quantity names its unit. */
export type Shape =
  | { readonly kind: 'toggle' }
  | { readonly kind: 'json' | 'instant'; readonly value: string }
  | { readonly kind: 'text'; readonly value: string; readonly choices?: readonly string[] }
  | { readonly kind: 'span'; readonly value: string; readonly suggested: string }
  | { readonly kind: 'texts'; readonly value: string; readonly choices?: readonly string[] }
  /** `suggested`: what the form has, where nothing is given. */
  | {
      readonly kind: 'whole';
      readonly value: string;
      readonly initial?: number;
      readonly suggested?: number;
    };

export type Fields = Readonly<Record<string, Field>>;

/** The values of fields, by name. */
export type InputOf<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** The schema of what an address, a form or a JSON body has. */
export const schemaOf = (fields: Fields): z.ZodObject =>
  z.object(Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])));

const uuid = z.uuid({ error: 'It must be an id (a UUID)' });

/** Yes or no. A form and an address write it as `yes`. */
export function toggle(help: string): Field<boolean> {
  const yes = z.literal('yes').transform(() => true);
  return { schema: z.union([z.boolean(), yes]).default(false), shape: { kind: 'toggle' }, help };
}

/** One text of a fixed set. */
export function oneOf<T extends string>(
  value: string,
  choices: readonly [T, ...T[]],
  help: string,
): Field<T | undefined> {
  return { schema: z.enum(choices).optional(), shape: { kind: 'text', value, choices }, help };
}

export function text(value: string, help: string): Field<string | undefined> {
  return { schema: z.string().optional(), shape: { kind: 'text', value }, help };
}

/** One or more texts of a fixed set; none = any. */
export function someOf<T extends string>(
  value: string,
  all: readonly [T, ...T[]],
  help: string,
): Field<readonly T[]> {
  return { schema: listOf(z.enum(all)), shape: { kind: 'texts', value, choices: all }, help };
}

/** Texts of any kind; none = those that the other fields choose. */
export function texts(value: string, help: string): Field<readonly string[]> {
  return { schema: listOf(z.string().min(1)), shape: { kind: 'texts', value }, help };
}

/** The names of things, which a command takes by their place; none = those that the other fields choose. */
export const names = (help: string): Field<readonly string[]> => ({
  ...texts('name', help),
  isArgument: true,
});

/** The name of one thing, which a command takes by its place. */
export function name(help: string): Field<string> {
  const schema = z.string({ error: 'it is missing' }).min(1);
  return { schema, shape: { kind: 'text', value: 'name' }, help, isArgument: true, isRequired: true };
}

/** The ids of things, which a command takes by their place; none = those that the other fields choose. */
export function ids(help: string): Field<readonly string[]> {
  return { schema: listOf(uuid), shape: { kind: 'texts', value: 'id' }, help, isArgument: true };
}

const eventId = z.uuid({
  error: 'It must be the id of an event (a UUID), as `converge outbox list` shows it',
});

/** The ids of events; none = those that the other fields choose. */
export const eventIds = (help: string): Field<readonly string[]> => ({
  ...ids(help),
  schema: listOf(eventId),
});

/** A place from 0, such as a partition, which a command takes by its place. */
export function index(help: string): Field<number> {
  const schema = z
    .union([z.number(), z.string().regex(/^\d{1,9}$/, 'It must be a whole number from 0')])
    .transform(Number)
    .pipe(z.int().min(0).max(999_999_999));
  return { schema, shape: { kind: 'text', value: 'number' }, help, isArgument: true, isRequired: true };
}

/** A row or an offset, which may be larger than a number is exact. */
export function bigIndex(help: string): Field<bigint> {
  const schema = z
    .string({ error: 'it is missing' })
    .regex(/^\d{1,18}$/, 'It must be a whole number from 0')
    .transform((given) => BigInt(given));
  return { schema, shape: { kind: 'text', value: 'number' }, help, isArgument: true, isRequired: true };
}

/** The ids of things, one at least. */
export const someIds = (help: string): Field<readonly string[]> => {
  const { schema, ...rest } = ids(help);
  const given = schema.refine((all) => all.length > 0, 'name one at least');
  return { ...rest, schema: given, isRequired: true };
};

/** The id of one thing, which a command takes by its place. */
export function id(help: string): Field<string> {
  return { schema: uuid, shape: { kind: 'text', value: 'id' }, help, isArgument: true, isRequired: true };
}

/** A quantity from 1 to `most`, in a unit. */
export function whole(
  unit: string,
  help: string,
  { most = 999_999_999, ...given }: { readonly most?: number; readonly suggested?: number } = {},
): Field<number | undefined> {
  return {
    schema: z.coerce.number().int().min(1).max(most).optional(),
    shape: { kind: 'whole', value: unit, ...given },
    help,
  };
}

/** A quantity from 1 to `most`, in a unit, that has a value where none is given. */
export function wholeOf(unit: string, help: string, initial: number, most = 999_999_999): Field<number> {
  return {
    schema: z.coerce.number().int().min(1).max(most).default(initial),
    shape: { kind: 'whole', value: unit, initial },
    help,
  };
}

const SPANS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time span in milliseconds, written as `90s`, `30m`, `2h` or `1d`. */
export function span(help: string, suggested: string): Field<number | undefined> {
  const schema = z
    .string()
    .regex(/^[1-9]\d{0,5}[smhd]$/, 'It must be a time span, as 90s, 30m, 2h or 1d')
    .transform((given) => Number(given.slice(0, -1)) * SPANS[given.slice(-1) as keyof typeof SPANS]);
  return { schema: schema.optional(), shape: { kind: 'span', value: 'span', suggested }, help };
}

/** A moment with a year of four digits: what Postgres reads, and an address can hold. */
export function instant(help: string): Field<Date | undefined> {
  const moment = z
    .string()
    .refine((given) => isMoment(given), 'a time is written as 2026-01-31T12:00:00Z')
    .transform((given) => new Date(given));
  return { schema: moment.optional(), shape: { kind: 'instant', value: 'time' }, help };
}

function isMoment(given: string): boolean {
  const at = new Date(given);
  return !Number.isNaN(at.getTime()) && at.getUTCFullYear() >= 1 && at.getUTCFullYear() <= 9_999;
}

/** Text that is JSON, passed on unchanged. */
export function json(help: string): Field<string> {
  const schema = z
    .string({ error: 'it is missing' })
    .max(1_000_000)
    .superRefine((given, check) => {
      const wrong = notJson(given);
      if (wrong !== undefined) check.addIssue(`it is no JSON: ${wrong}`);
    });
  return { schema, shape: { kind: 'json', value: 'json' }, help, isRequired: true, isAsked: true };
}

function notJson(given: string): string | undefined {
  try {
    JSON.parse(given);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

/** The same field, without which nothing is done. */
export const required = <T>({ schema, ...field }: Field<T | undefined>): Field<T> => ({
  ...field,
  schema: z.custom<unknown>((given) => given !== undefined, 'it is missing').pipe(schema) as z.ZodType<T>,
  isRequired: true,
});

/** The same field as an option of a command, which may be left out. */
export const optional = <T>({ schema, shape, help }: Field<T>): Field<T | undefined> => ({
  schema: schema.optional(),
  shape,
  help,
});

/** The same field, for which the form of an act asks. */
export const asked = <T>(field: Field<T>): Field<T> => ({ ...field, isAsked: true });

/** A list that an address writes as one text, or as several of one name. */
function listOf<T>(one: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z
    .union([one, z.array(one)])
    .transform((given) => [given].flat() as T[])
    .default([]);
}
