import type { Context } from 'hono';
import { z } from 'zod';
import { invalidInput } from '../errors.ts';
import type { ConsoleTypes } from '../types.ts';

/** A moment with a year of four digits: what Postgres reads, and an address can hold. */
export const instant = z
  .string()
  .refine((text) => isInstant(text), 'a time is written as 2026-01-31T12:00:00Z')
  .transform((text) => new Date(text));

function isInstant(text: string): boolean {
  const at = new Date(text);
  return !Number.isNaN(at.getTime()) && at.getUTCFullYear() >= 1 && at.getUTCFullYear() <= 9_999;
}

/** True for a text, or a list of texts, with the one character that no text of Postgres has. */
const hasNul = (value: unknown): boolean =>
  [value].flat().some((one) => typeof one === 'string' && one.includes('\0'));

/**
 * Reads the query and the path of a request by a schema. An empty value counts as not given, as in a form; a name that is
 * given several times has a list.
 */
export function inputOf<Input extends z.ZodObject>(
  c: Context<ConsoleTypes>,
  schema: Input,
  more: Readonly<Record<string, unknown>> = {},
): z.output<Input> {
  const query: Record<string, unknown> = {};
  for (const [name, all] of Object.entries(c.req.queries())) query[name] = all.length === 1 ? all[0] : all;
  const given = { ...query, ...more, ...c.req.param() };
  const values = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''));
  const nul = Object.keys(values).find((name) => hasNul(values[name]));
  if (nul !== undefined)
    throw invalidInput(
      `${nul.replaceAll('\0', '')} has a NUL character, which nothing in these databases has`,
    );
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw invalidInput(`the request cannot be used: ${z.prettifyError(parsed.error).replaceAll(/\s+/g, ' ')}`);
}

/** Reads the fields of a form; a name that is given several times has a list. Refuses a body that is none. */
export async function formOf(c: Context<ConsoleTypes>): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await c.req.parseBody({ all: true });
  } catch {
    throw invalidInput('the body is no form that can be read: send the form of a page of the console');
  }
}

/** Reads the JSON body of a request to the API. Refuses one that is no object. */
export async function bodyOf(c: Context<ConsoleTypes>): Promise<Readonly<Record<string, unknown>>> {
  const body: unknown = await c.req.json().catch(() => undefined);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body };
  throw invalidInput('the body is no JSON object: send {"reason": "…"} with the fields of the action');
}
