import type { z } from 'zod';
import { nodeOf } from './schema.ts';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Converts text from the environment or a flag to the type that the schema expects.
 * Text that does not fit stays text: validation then reports the expected type.
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
      // The option that parsed the text wins when nothing fits: validation then reports the most specific error.
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

/** Parses `a:1,b:2`, or a JSON array when elements contain commas. */
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
