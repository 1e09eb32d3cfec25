import type { Context } from 'hono';
import { z } from 'zod';
import { invalidInput } from '../errors.ts';
import type { ConsoleTypes } from '../types.ts';

/** Texts that may be given several times: one is a list of one. */
export const texts = z.union([z.string(), z.array(z.string())]).transform((given) => [given].flat());

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
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw invalidInput(`the request cannot be used: ${z.prettifyError(parsed.error).replaceAll(/\s+/g, ' ')}`);
}
