import type { JsonSchema } from './json-schema.ts';

/**
 * Whom a change breaks. `old_events`: payloads in the log that the new schema refuses · `old_readers`: consumers with
 * the old schema that refuse new payloads. Both live as long as the version does, so neither may break.
 */
export type Breaks = 'old_events' | 'old_readers' | 'both';

export interface Incompatibility {
  /** Into the payload: `lines.[].sku`; empty for the whole. */
  readonly path: string;
  readonly breaks: Breaks;
  readonly reason: string;
}

/** One place in two schemas that are compared, with the roots that local references start from. */
export interface Place {
  readonly before: JsonSchema;
  readonly after: JsonSchema;
  readonly path: string;
  readonly roots: { readonly before: JsonSchema; readonly after: JsonSchema };
  /** References on the way here, so that recursive schemas end. */
  readonly seen: readonly string[];
  /** The whole comparison, for what lies below this place. */
  readonly compare: (place: Place) => readonly Incompatibility[];
}

export function below(place: Place, name: string, before: unknown, after: unknown): Place {
  return { ...place, before: schemaOf(before), after: schemaOf(after), path: join(place.path, name) };
}

export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

export function propertiesOf(schema: JsonSchema): JsonSchema {
  return schemaOf(schema['properties']);
}

export function requires(schema: JsonSchema, name: string): boolean {
  return Array.isArray(schema['required']) && schema['required'].includes(name);
}

export function listOf(value: unknown): readonly JsonSchema[] {
  return Array.isArray(value) ? value.map(schemaOf) : [];
}

export function schemaOf(value: unknown): JsonSchema {
  return isSchema(value) ? value : {};
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** Order of names does not matter in JSON Schema, order of `required` and `enum` neither. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (Array.isArray(inner) && ['required', 'enum', 'type'].includes(key)) return inner.map(String).sort();
    if (!isSchema(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
