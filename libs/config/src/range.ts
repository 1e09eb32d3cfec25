import { z } from 'zod';

/** The parts of a JSON Schema that say what a setting accepts. */
interface Shape {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: string | number | boolean;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
}

/** Says in words what a setting accepts: `whole number from 1 to 65535`, `kafkajs or platformatic`. */
export function rangeOf(schema: z.ZodType): string {
  return wordsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape);
}

function wordsOf(shape: Shape): string {
  if (shape.const !== undefined) return String(shape.const);
  if (shape.enum !== undefined) return alternatives(shape.enum.map(String));
  if (shape.anyOf !== undefined) return alternatives(shape.anyOf.map(wordsOf));
  if (shape.type === 'array') return `list of ${wordsOf(shape.items ?? {})}`;
  if (shape.type === 'boolean') return 'true or false';
  if (shape.type === 'integer') return `whole number${boundsOf(shape)}`;
  if (shape.type === 'number') return `number${boundsOf(shape)}`;
  if (shape.format === 'uri') return 'URL';
  return shape.pattern === undefined ? 'text' : `text like ${shape.pattern}`;
}

function alternatives(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

function boundsOf({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Shape): string {
  // zod bounds whole numbers by what a double counts exactly; that is no limit of the setting.
  const from = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const to = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  return [
    exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`,
    from === undefined ? '' : ` from ${from}`,
    exclusiveMaximum === undefined ? '' : ` below ${exclusiveMaximum}`,
    to === undefined ? '' : ` to ${to}`,
  ].join('');
}
