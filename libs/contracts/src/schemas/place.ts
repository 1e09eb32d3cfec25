import type { JsonSchema } from './json-schema.ts';

/**
 * The side that a change breaks.
 * `old_events`: payloads in the log that the new schema refuses · `old_readers`: consumers with the old schema that
 * refuse new payloads. Both exist as long as the version does, so neither may break.
 */
export type Breaks = 'old_events' | 'old_readers' | 'both';

export interface Incompatibility {
  /** The path inside the payload: `lines.[].sku`; empty for the whole. */
  readonly path: string;
  readonly breaks: Breaks;
  readonly reason: string;
}

/** A place in two compared schemas, with the roots of local references. */
export interface Place {
  readonly before: JsonSchema;
  readonly after: JsonSchema;
  readonly path: string;
  readonly roots: { readonly before: JsonSchema; readonly after: JsonSchema };
  /** References followed to this place, to stop at recursive schemas. */
  readonly seen: readonly string[];
  /** Compares the schemas below this place. */
  readonly compare: (place: Place) => readonly Incompatibility[];
}

export function placeBelow(place: Place, name: string, before: unknown, after: unknown): Place {
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

/** Sorts names, `required` and `enum`, whose order does not matter in JSON Schema. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (Array.isArray(inner) && ['required', 'enum', 'type'].includes(key)) return inner.map(String).sort();
    if (!isSchema(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
