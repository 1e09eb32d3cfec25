import type { z } from 'zod';
import { nodeOf } from './schema.ts';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Text from the environment or a flag as the value that the schema asks for there. Text that does not fit stays text:
 * the schema then says what it expected.
 */
export function valueOf(text: string, schema: z.ZodType): unknown {
  const node = nodeOf(schema);
  const trimmed = text.trim();
  switch (node.kind) {
    case 'number':
      return NUMBER.test(trimmed) ? Number(trimmed) : text;
    case 'bigint':
      return /^-?\d+$/.test(trimmed) ? BigInt(trimmed) : text;
    case 'boolean':
      return booleanOf(trimmed) ?? text;
    case 'array':
      return listOf(trimmed, node.element);
    case 'object':
    case 'record':
      return json(trimmed) ?? text;
    case 'literal':
      return node.values.find((value) => String(value) === trimmed) ?? text;
    case 'union': {
      const read = node.options.map((option) => ({ option, value: valueOf(text, option) }));
      // Where nothing fits, what was read as more than text is nearest: the schema then says what is wrong with it.
      return (read.find(fits) ?? read.find(({ value }) => typeof value !== 'string'))?.value ?? text;
    }
    case 'string':
      return text;
    case 'other':
      return schema.safeParse(text).success ? text : (json(trimmed) ?? text);
    default:
      return node satisfies never;
  }
}

function fits({ option, value }: { option: z.ZodType; value: unknown }): boolean {
  return option.safeParse(value).success;
}

function booleanOf(text: string): boolean | undefined {
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  return /^(false|no|off|0)$/i.test(text) ? false : undefined;
}

/** `a:1,b:2`, or JSON where the elements have commas of their own. */
function listOf(text: string, element: z.ZodType): unknown {
  const parsed = text.startsWith('[') ? json(text) : undefined;
  if (Array.isArray(parsed)) return parsed;
  return text.split(',').map((part) => valueOf(part.trim(), element));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
